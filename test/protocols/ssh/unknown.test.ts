/** What a client may say that gw does not know, or does not carry: it is answered with no, stands in the record, and never reaches the target. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { type RealSshd, startRealSshd } from '../../support/real-sshd.js';
import { agreeably, ScriptedClient, stubTarget } from '../../support/ssh-peers.js';
import { ALLOW_ALL, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let sshd: RealSshd;
let stub: Awaited<ReturnType<typeof stubTarget>>;
let world: SshWorld;
let client: ScriptedClient;
const heard: Buffer[] = [];

beforeAll(async () => {
  sshd = await startRealSshd();
  stub = await stubTarget({
    talk: (payload, send) => {
      heard.push(Buffer.from(payload));
      agreeably(payload, send);
    },
  });
  // Policy allows everything, also what is unknown.
  world = await startSshWorld({ sshd: { ...sshd, port: stub.port }, options: { hostKeys: [stub.hostKey] } });
  client = await ScriptedClient.login(world.path.port);
});
afterAll(async () => {
  client?.end();
  await world?.[Symbol.asyncDispose]();
  stub?.close();
  await sshd?.[Symbol.asyncDispose]();
});

let number = 0;
const opening = (kind: string, ...more: Buffer[]): Buffer => message(MESSAGE.open, string(kind), uint32(++number), uint32(1 << 20), uint32(32_768), ...more);

async function opened(kind: string, ...more: Buffer[]): Promise<number> {
  await client.sends([opening(kind, ...more)]);
  const own = number;
  await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openConfirmation && each.readUInt32BE(1) === own));
  return client.heard.findLast((each) => each[0] === MESSAGE.openConfirmation && each.readUInt32BE(1) === own)?.readUInt32BE(5) ?? -1;
}

/** Everything that the target heard by the time it hears a request that passes, without that one. */
async function heardSince(from: number): Promise<Buffer[]> {
  const answers = client.heard.filter((each) => each[0] === MESSAGE.requestSuccess).length;
  await client.sends([message(MESSAGE.globalRequest, string('keepalive@openssh.com'), boolean(true))]);
  await client.until(() => client.heard.filter((each) => each[0] === MESSAGE.requestSuccess).length > answers);
  return heard.slice(from, -1);
}

const refusals = async (text: string): Promise<RecordedOperation[]> =>
  (await world.recorded()).flatMap((item) => (item.kind === 'operation' && item.operation.exact.toString().includes(text) ? [item.operation] : []));

async function recordedAsUnknown(text: string): Promise<void> {
  const found = await refusals(text);
  expect(found.map(({ decision }) => decision?.effect)).toEqual(['deny']);
  expect(found[0]?.facts?.effects).toMatchObject([{ action: 'unknown' }]);
}

describe('a channel of a kind that is not known', () => {
  it.each(['made-up@example.com', 'forwarded-tcpip', 'auth-agent@openssh.com', 'x11', 'SESSION', ''])('%j is not opened', async (kind) => {
    const from = heard.length;
    await client.sends([opening(kind, string('h'), uint32(1), string('o'), uint32(1))]);
    const own = number;
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openFailure && each.readUInt32BE(1) === own));
    const failure = client.heard.findLast((each) => each[0] === MESSAGE.openFailure);
    expect(failure?.readUInt32BE(5), 'SSH_OPEN_UNKNOWN_CHANNEL_TYPE').toBe(3);
    expect(await heardSince(from)).toEqual([]);
    await recordedAsUnknown(`"${kind}"`);
  });

  it('a network tunnel (ssh -w) is one that is known, has a decision of its own, and is not opened where policy says so', async () => {
    world.path.setPolicy(
      'version: 1\ndefaults: [{ operations: allow }]\nrules:\n  - { id: t, effect: deny, actions: [ssh.tunnel] }\n  - { id: c, effect: allow, actions: [connect] }\n  - { id: u, effect: allow, actions: [unknown] }\n',
    );
    const from = heard.length;
    await client.sends([opening('tun@openssh.com', uint32(1), uint32(0x7fffffff))]);
    const own = number;
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openFailure && each.readUInt32BE(1) === own));
    expect(await heardSince(from)).toEqual([]);
    const [operation] = await refusals('opens a network tunnel');
    expect([operation?.decision?.effect, operation?.decision?.rule]).toEqual(['deny', 'test/t']);
    world.path.setPolicy(ALLOW_ALL);
    expect(operation?.facts?.effects).toMatchObject([{ action: 'ssh.tunnel' }]);
  });
});

describe('a request on a channel that is not known', () => {
  const names = ['made-up-request@example.com', 'exit-status', 'exit-signal', 'xon-xoff', 'EXEC', 'auth-agent-req', 'x11-req@example.com'];

  it.each(names)('%j is answered with no', async (name) => {
    const to = await opened('session');
    const own = number;
    const from = heard.length;
    await client.sends([message(MESSAGE.channelRequest, uint32(to), string(name), boolean(true), string('more'))]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.channelFailure && each.readUInt32BE(1) === own));
    expect(await heardSince(from)).toEqual([]);
    await recordedAsUnknown(`"${name}"`);
  });

  it('and wants no answer gets none, and is recorded all the same', async () => {
    const to = await opened('session');
    const own = number;
    const from = heard.length;
    await client.sends([message(MESSAGE.channelRequest, uint32(to), string('silent@example.com'), boolean(false))]);
    expect(await heardSince(from)).toEqual([]);
    expect(client.heard.some((each) => each[0] === MESSAGE.channelFailure && each.readUInt32BE(1) === own)).toBe(false);
    await recordedAsUnknown('silent@example.com');
  });

  it.each(['exec', 'shell', 'pty-req', 'made-up@example.net'])('%j, of a connection to an address, is answered with no: nothing runs on one', async (name) => {
    const to = await opened('direct-tcpip', string('h'), uint32(1), string('o'), uint32(1));
    const own = number;
    const from = heard.length;
    await client.sends([message(MESSAGE.channelRequest, uint32(to), string(name), boolean(true), string('touch /tmp/never'))]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.channelFailure && each.readUInt32BE(1) === own));
    expect(await heardSince(from)).toEqual([]);
    await recordedAsUnknown(`${name} on a channel of the kind direct-tcpip`);
  });

  it('for a second program of a channel is answered with no, and is recorded', async () => {
    const to = await opened('session');
    const own = number;
    await client.sends([message(MESSAGE.channelRequest, uint32(to), string('exec'), boolean(true), string('first'))]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.channelSuccess && each.readUInt32BE(1) === own));
    const from = heard.length;
    await client.sends([message(MESSAGE.channelRequest, uint32(to), string('exec'), boolean(true), string('second')), data(to, Buffer.from('in'))]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.channelFailure && each.readUInt32BE(1) === own));
    expect((await heardSince(from)).map((each) => each[0])).toEqual([MESSAGE.data]);
    await recordedAsUnknown('exec on a channel on which something runs');
  });
});

describe('a request of the connection that is not known', () => {
  it.each(['made-up@example.org', 'hostkeys-prove-00@openssh.com', 'TCPIP-FORWARD', ''])('%j is answered with no', async (name) => {
    const from = heard.length;
    const before = client.heard.filter((each) => each[0] === MESSAGE.requestFailure).length;
    await client.sends([message(MESSAGE.globalRequest, string(name), boolean(true), string('h'), uint32(1))]);
    await client.until(() => client.heard.filter((each) => each[0] === MESSAGE.requestFailure).length > before);
    expect(await heardSince(from)).toEqual([]);
    await recordedAsUnknown(`the request "${name}"`);
  });

  it('and wants no answer gets none, and is recorded all the same', async () => {
    const from = heard.length;
    const before = client.heard.length;
    await client.sends([message(MESSAGE.globalRequest, string('hushed@example.org'), boolean(false))]);
    expect(await heardSince(from)).toEqual([]);
    expect(client.heard.slice(before).map((each) => each[0])).toEqual([MESSAGE.requestSuccess]);
    await recordedAsUnknown('hushed@example.org');
  });
});
