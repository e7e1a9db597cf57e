/** Whether a program has a terminal, message for message: only the target's yes before it began makes one, because what is typed at one is not recorded. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { about, data, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import type { RecordedOperation, SessionItem } from '../../../src/recording/recorded.js';
import { eventually } from '../../store/state-server.js';
import { agreeably, ScriptedClient } from '../../support/ssh-peers.js';
import { type StubSshWorld, startStubSshWorld } from '../../support/stub-ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial, detect: true } }
masks: [{ id: nobody-gets-numbers, classes: [ssn], output: true }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let stub: StubSshWorld;
let client: ScriptedClient;
/** The target's answer to `pty-req`; null: none. */
let answer: number | null = MESSAGE.channelSuccess;
let to = -1;

beforeAll(async () => {
  stub = await startStubSshWorld(
    (payload, send) => {
      if (answer !== null || typeOf(payload) !== 'pty-req') agreeably(payload, send, (type) => (type === 'pty-req' ? (answer ?? 0) : MESSAGE.channelSuccess));
    },
    { policy: POLICY },
  );
});
afterAll(async () => {
  client?.end();
  await stub?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  client?.end();
  answer = MESSAGE.channelSuccess;
  stub.heard.length = 0;
  client = await ScriptedClient.login(stub.world.path.port);
  await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(1 << 20), uint32(32_768))]);
  await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openConfirmation));
  to = client.heard.find((each) => each[0] === MESSAGE.openConfirmation)?.readUInt32BE(5) ?? -1;
  client.heard.length = 0;
});

const typeOf = (payload: Buffer): string => (payload[0] === MESSAGE.channelRequest ? new WireReader(payload, 5).name() : '');
const request = (type: string, wantsReply: boolean, ...more: Buffer[]): Buffer =>
  message(MESSAGE.channelRequest, uint32(to), string(type), boolean(wantsReply), ...more);
const pty = (wantsReply: boolean): Buffer =>
  request('pty-req', wantsReply, string('xterm'), uint32(80), uint32(24), uint32(0), uint32(0), string(Buffer.from([0])));
const exec = (command: string): Buffer => request('exec', true, string(command));
const asked = (type: string): number => stub.heard.filter((each) => typeOf(each) === type).length;
const answers = (): (number | undefined)[] => client.heard.map((each) => each[0]);
const answered = (count: number): Promise<void> => client.until(() => client.heard.length >= count);

/** Ends the session and gives the record of it. */
async function recorded(): Promise<{ operations: readonly RecordedOperation[]; terminals: number }> {
  client.end();
  let items: readonly SessionItem[] = [];
  await eventually('it is over', async () => {
    items = await stub.world.recorded();
    items = items.slice(items.findLastIndex(({ kind }) => kind === 'start'));
    return items.some(({ kind }) => kind === 'end');
  });
  return {
    operations: items.flatMap((item) => (item.kind === 'operation' ? [item.operation] : [])),
    terminals: items.filter(({ kind }) => kind === 'terminal').length,
  };
}

describe('a terminal that is asked for', () => {
  it('once something runs is refused without the target, and what goes into it stays in the record', async () => {
    await client.sends([exec('sh -s')]);
    await answered(1);
    await client.sends([data(to, Buffer.from('first;')), pty(true), data(to, Buffer.from('second;')), pty(false), data(to, Buffer.from('third'))]);
    await eventually('the target has it all', () => stub.heard.some((each) => each.includes('third')));
    expect(answers()).toEqual([MESSAGE.channelSuccess, MESSAGE.channelFailure]);
    expect(asked('pty-req')).toBe(0);
    const { operations, terminals } = await recorded();
    const ran = operations.find(({ form }) => form === 'exec');
    expect([ran?.received.bytes.toString(), ran?.terminal, terminals]).toEqual(['first;second;third', undefined, 0]);
    expect(operations.filter(({ form }) => form === 'request').map(({ decision }) => decision?.effect)).toEqual(['deny', 'deny']);
  });

  it('a second time is refused without the target', async () => {
    await client.sends([pty(true), pty(true), exec('top')]);
    await answered(3);
    expect(answers()).toEqual([MESSAGE.channelSuccess, MESSAGE.channelFailure, MESSAGE.channelSuccess]);
    expect(asked('pty-req')).toBe(1);
    expect((await recorded()).operations.find(({ form }) => form === 'exec')?.terminal).toBe(true);
  });

  it.each([true, false])(
    'and is not to be had is none: input is recorded, and what output would damage is refused (with an answer: %s)',
    async (wantsReply) => {
      answer = MESSAGE.channelFailure;
      await client.sends([pty(wantsReply), exec('cat')]);
      await answered(wantsReply ? 2 : 1);
      expect(answers()).toEqual([...(wantsReply ? [MESSAGE.channelFailure] : []), MESSAGE.channelSuccess]);
      await client.sends([data(to, Buffer.from('typed'))]);
      stub.target(data(3, Buffer.from('number 536-22-8734\n')));
      await client.until(() => client.heard.at(-1)?.[0] === MESSAGE.data);
      // Without a terminal it is `output` that says what is hidden.
      expect(client.heard.at(-1)?.includes('number ***-**-8734')).toBe(true);
      const { operations, terminals } = await recorded();
      const ran = operations.find(({ form }) => form === 'exec');
      expect([ran?.received.bytes.toString(), ran?.terminal, terminals]).toEqual(['typed', undefined, 0]);
    },
  );

  it('and is not to be had lets no program through that exchanges bytes', async () => {
    answer = MESSAGE.channelFailure;
    await client.sends([pty(true), exec('rsync --server . /srv')]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.close));
    expect(asked('exec')).toBe(0);
    expect((await recorded()).operations.find(({ form }) => form === 'exec')?.decision?.effect).toBe('deny');
  });

  it.each([true, false])('keeps what comes behind it until the target has answered (with an answer: %s)', async (wantsReply) => {
    answer = null;
    await client.sends([pty(wantsReply), request('env', true, string('LANG'), string('C')), exec('top'), data(to, Buffer.from('q'))]);
    await eventually('the target is asked', () => asked('pty-req') === 1);
    expect([asked('env'), asked('exec'), client.heard.length]).toEqual([0, 0, 0]);
    stub.target(about(MESSAGE.channelSuccess, 3));
    const wanted = [...(wantsReply ? [MESSAGE.channelSuccess] : []), MESSAGE.channelSuccess, MESSAGE.channelSuccess];
    await answered(wanted.length);
    await eventually('its input is there', () => stub.heard.at(-1)?.[0] === MESSAGE.data);
    expect(answers()).toEqual(wanted);
    expect(stub.heard.slice(1).map((each) => typeOf(each))).toEqual(['pty-req', 'env', 'exec', '']);
    const { operations } = await recorded();
    const ran = operations.find(({ form }) => form === 'exec');
    expect([ran?.terminal, ran?.received.bytes.length]).toEqual([true, 0]);
  });

  it.each(['client', 'target'] as const)('and a %s that closes the channel before it is answered let nothing run, and the connection goes on', async (who) => {
    answer = null;
    await client.sends([pty(true), exec('top')]);
    await eventually('the target is asked', () => asked('pty-req') === 1);
    if (who === 'client') await client.sends([about(MESSAGE.close, to)]);
    else stub.target(about(MESSAGE.close, 3));
    await eventually('the target hears of the close', () => stub.heard.some((each) => each[0] === MESSAGE.close));
    if (who === 'client') {
      // It answers late, and then closes.
      stub.target(about(MESSAGE.channelSuccess, 3));
      stub.target(about(MESSAGE.close, 3));
    }
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.close));
    if (who === 'target') await client.sends([about(MESSAGE.close, to)]);
    expect(client.heard.filter((each) => each[0] === MESSAGE.close).length).toBe(1);
    await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(1 << 20), uint32(32_768))]);
    await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openConfirmation));
    expect(asked('exec')).toBe(0);
    expect((await recorded()).operations.find(({ form }) => form === 'exec')?.decision?.effect).toBe('deny');
  });
});
