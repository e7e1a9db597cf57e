/** Messages as long as OpenSSH takes them, in both directions, and those that are longer or have no reason to be long. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { about, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { agreeably, ScriptedClient } from '../../support/ssh-peers.js';
import { type StubSshWorld, startStubSshWorld } from '../../support/stub-ssh-world.js';

let stub: StubSshWorld;
beforeAll(async () => {
  stub = await startStubSshWorld((payload, send) => agreeably(payload, send));
});
afterAll(() => stub?.[Symbol.asyncDispose]());

const request = (type: string, ...more: Uint8Array[]): Buffer => message(MESSAGE.channelRequest, uint32(3), string(type), boolean(true), ...more);

async function onChannel(): Promise<ScriptedClient> {
  const client = await ScriptedClient.login(stub.world.path.port);
  await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(1 << 20), uint32(32_768))]);
  await client.until(() => client.heard.some(([kind]) => kind === MESSAGE.openConfirmation));
  return client;
}

it.each(['together', 'apart'] as const)('a command of 200000 bytes reaches the target as it was, sent %s', async (cut) => {
  const client = await onChannel();
  const command = request('exec', string(`echo ${'x'.repeat(200_000)}`));
  await client.sends([command, about(MESSAGE.eof, 3)], cut);
  await client.until(() => client.heard.some(([kind]) => kind === MESSAGE.channelSuccess));
  expect(stub.heard.some((each) => each.equals(command))).toBe(true);
  client.end();
});

it('a request of 200000 bytes from the target reaches the client as it was', async () => {
  const client = await onChannel();
  await client.sends([request('exec', string('true'))]);
  await client.until(() => client.heard.some(([kind]) => kind === MESSAGE.channelSuccess));
  const signal = message(
    MESSAGE.channelRequest,
    uint32(3),
    string('exit-signal'),
    boolean(false),
    string('TERM'),
    boolean(false),
    string('x'.repeat(200_000)),
    string(''),
  );
  stub.target(signal);
  await client.until(() => client.heard.some((each) => each.equals(signal)));
  client.end();
});

it.each([
  ['a request of the whole connection', message(MESSAGE.globalRequest, string('x'), boolean(true), string(Buffer.alloc(60_000)))],
  ['the opening of a channel', message(MESSAGE.open, string('session'), uint32(9), uint32(1), uint32(1), string(Buffer.alloc(60_000)))],
  ['the data of a channel', message(MESSAGE.data, uint32(3), string(Buffer.alloc(60_000)))],
  ['a key exchange', message(20, Buffer.alloc(60_000))],
  ['any packet', request('exec', string(Buffer.alloc(270_000, 'x')))],
])('%s that is longer than it may be ends the session, and the client is told why', async (_, payload) => {
  const client = await onChannel();
  await client.sends([payload]);
  expect(await client.ended()).toMatch(/^2: .*bytes.*\(protocol\.violation\)$/);
});

it('a packet of the target that is longer than it may be ends the session, and the client is told so', async () => {
  const client = await onChannel();
  stub.target(message(2, string(Buffer.alloc(300_000))));
  expect(await client.ended()).toMatch(/^11: .*\(target\.protocol\)$/);
});
