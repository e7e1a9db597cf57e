/** Signals, in both directions and byte for byte: what a client sends to a program, and how a program says that one ended it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { about, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { agreeably, ScriptedClient } from '../../support/ssh-peers.js';
import { run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';
import { type StubSshWorld, startStubSshWorld } from '../../support/stub-ssh-world.js';

let stub: StubSshWorld;
let real: SshWorld;
let client: ScriptedClient;
/** The target's answer to `break`. */
let answer: number = MESSAGE.channelSuccess;
let number = 0;

beforeAll(async () => {
  stub = await startStubSshWorld((payload, send) => agreeably(payload, send, (type) => (type === 'break' ? answer : MESSAGE.channelSuccess)));
  real = await startSshWorld({ sshd: stub.sshd });
  client = await ScriptedClient.login(stub.world.path.port);
});
afterAll(async () => {
  client?.end();
  await real?.[Symbol.asyncDispose]();
  await stub?.[Symbol.asyncDispose]();
});

const of = (channel: number, type: number): Buffer[] => client.heard.filter((each) => each[0] === type && each.readUInt32BE(1) === channel);
const request = (channel: number, type: string, wantsReply: boolean, ...more: Buffer[]): Buffer =>
  message(MESSAGE.channelRequest, uint32(channel), string(type), boolean(wantsReply), ...more);

/** Runs `command` on a channel of its own, and gives the number of it, which is the same on all sides here. */
async function running(command: string): Promise<number> {
  const own = ++number;
  await client.sends([message(MESSAGE.open, string('session'), uint32(own), uint32(1 << 20), uint32(32_768))]);
  await client.until(() => of(own, MESSAGE.openConfirmation).length > 0);
  expect(of(own, MESSAGE.openConfirmation)[0]?.readUInt32BE(5)).toBe(own);
  await client.sends([request(own, 'exec', true, string(command))]);
  await client.until(() => of(own, MESSAGE.channelSuccess).length > 0);
  return own;
}

const recordedOf = async (command: string): Promise<RecordedOperation | undefined> =>
  (await stub.world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : [])).findLast(({ exact }) => exact.toString() === command);

describe('a signal of the client', () => {
  it.each(['INT', 'TERM', 'HUP', 'USR1', 'KILL', 'my-signal@example.com', ''])('%j reaches the program as it was sent', async (name) => {
    const own = await running(`sleep ${number}`);
    const sent = request(own, 'signal', false, string(name));
    const from = stub.heard.length;
    await client.sends([sent, request(own, 'break', true, uint32(0))]);
    await client.until(() => of(own, MESSAGE.channelSuccess).length === 2);
    expect(stub.heard.slice(from)[0]).toEqual(sent);
    expect(of(own, MESSAGE.channelFailure)).toEqual([]);
  });

  it.each([MESSAGE.channelSuccess, MESSAGE.channelFailure])('as a break of a length reaches it, and its answer (%d) the client', async (wanted) => {
    const own = await running(`sleep ${number}`);
    answer = wanted;
    const before = of(own, wanted).length;
    const sent = request(own, 'break', true, uint32(1_500));
    await client.sends([sent]);
    await client.until(() => of(own, wanted).length > before);
    expect(stub.heard.at(-1)).toEqual(sent);
  });
});

describe('a program that a signal ended', () => {
  it.each([
    ['TERM', false, ''],
    ['SEGV', true, 'it went wrong'],
    ['QUIT', true, 'Ünschön'],
    ['stopped@example.com', false, ''],
    ['', false, ''],
  ])('%j (core dumped: %s, %j) says so to the client byte for byte, and in the record', async (name, dumped, text) => {
    const command = `sleep 1000; true ${number}`;
    const own = await running(command);
    const said = request(own, 'exit-signal', false, string(name), boolean(dumped), string(text), string('de'));
    stub.target(said);
    stub.target(about(MESSAGE.close, own));
    await client.until(() => of(own, MESSAGE.close).length > 0);
    expect(of(own, MESSAGE.channelRequest)).toEqual([said]);
    await client.sends([about(MESSAGE.close, own)]);
    expect((await recordedOf(command))?.outcome).toMatchObject({ status: 'error', message: `ended by signal ${name}` });
  });
});

/** What a program, and its client, hear of signals; argv: port, user, password or '', key file or ''. */
const PARAMIKO = `
import paramiko, sys
from paramiko.common import cMSG_CHANNEL_REQUEST
port, user, password, key = int(sys.argv[1]), sys.argv[2], sys.argv[3] or None, sys.argv[4] or None
client = paramiko.SSHClient(); client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect('127.0.0.1', port=port, username=user, password=password, key_filename=key, allow_agent=False, look_for_keys=False)
for name in ['INT', 'TERM', 'USR1', 'made-up@example.com']:
    channel = client.get_transport().open_session()
    channel.exec_command('trap "echo got INT" INT; trap "echo got TERM" TERM; trap "echo got USR1" USR1; echo ready; read line; echo "end $line"; kill -%s $$; exit 3' % ('QUIT' if '@' in name else 'KILL'))
    heard = channel.recv(100)
    m = paramiko.Message(); m.add_byte(cMSG_CHANNEL_REQUEST); m.add_int(channel.remote_chanid); m.add_string('signal'); m.add_boolean(False); m.add_string(name)
    client.get_transport()._send_user_message(m)
    channel.sendall(b'line\\n')
    while True:
        more = channel.recv(100)
        if not more: break
        heard += more
    print(name, heard, channel.recv_exit_status())
client.close()
`;

// An sshd that logs in as root delivers no signals of requests (it has no other account to watch them from): then all it says is the same, too.
describe('against a real sshd', () => {
  it('signals have the effect that they have without the gateway', async () => {
    const direct = await run('/usr/bin/python3', ['-c', PARAMIKO, String(stub.sshd.port), stub.sshd.username, '', stub.sshd.keyFile]);
    expect(direct.code, direct.err).toBe(0);
    const through = await run('/usr/bin/python3', ['-c', PARAMIKO, String(real.path.port), 'web-1', 'token-ann', '']);
    expect(through.code, through.err).toBe(0);
    expect(through.out.toString()).toBe(direct.out.toString());
    expect(through.out.toString()).toContain('made-up@example.com');
  });

  it('Ctrl-C at a terminal interrupts the program', async () => {
    const ended = await real.ssh(['-tt', 'web-1', "trap 'echo got INT; exit 4' INT; echo ready; while :; do sleep 0.1; done"], {
      during: (child) => void child.stdout.once('data', () => child.stdin.write('\u0003')),
    });
    expect(ended.code).toBe(4);
    expect(ended.out.toString()).toContain('got INT');
  });
});
