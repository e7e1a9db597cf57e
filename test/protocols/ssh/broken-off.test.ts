/** A connection that breaks while a program runs: what was shown last is in the record, also where the record waited for the rest of a value. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, disconnect, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { eventually } from '../../store/state-server.js';
import { agreeably, ScriptedClient } from '../../support/ssh-peers.js';
import { type StubSshWorld, startStubSshWorld } from '../../support/stub-ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial, detect: true } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let stub: StubSshWorld;
beforeAll(async () => {
  stub = await startStubSshWorld((payload, send) => agreeably(payload, send), { policy: POLICY });
});
afterAll(() => stub?.[Symbol.asyncDispose]());

const ENDS: Readonly<Record<string, (client: ScriptedClient) => unknown>> = {
  'whose client is cut off': (client) => client.end(),
  'whose client says goodbye': (client) => client.sends([disconnect(11, 'bye')]),
  'whose target is cut off': () => stub.cut(),
  'whose target says goodbye': () => stub.target(disconnect(11, 'bye')),
  'that is killed': () => stub.world.path.bus.publish({ kind: 'session.kill', session: stub.world.path.sessions.at(-1) ?? '', by: 'test', reason: '' }),
};

describe('a session', () => {
  it.each(Object.entries(ENDS))('%s keeps the end of what a program said, its values hidden', async (_, end) => {
    for (const [said, kept] of [
      ['x 123456', 'x 123456'],
      ['x 536-22-8734', 'x ***-**-8734'],
    ] as const) {
      const client = await ScriptedClient.login(stub.world.path.port);
      await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(1 << 20), uint32(32_768))]);
      await client.until(() => client.heard.length === 1);
      const to = client.heard[0]?.readUInt32BE(5) ?? -1;
      await client.sends([message(MESSAGE.channelRequest, uint32(to), string('exec'), boolean(true), string('slow'))]);
      await client.until(() => client.heard.length === 2);
      stub.target(data(3, Buffer.from(said)));
      await client.until(() => client.heard.length === 3);
      expect(client.heard[2]?.subarray(9).toString()).toBe(said);
      await end(client);
      await eventually('the session is over', () => stub.world.path.path.live.count() === 0);
      client.end();
      const operation = (await stub.world.recorded()).findLast((item) => item.kind === 'operation')?.operation;
      expect({ text: operation?.delivered.bytes.toString(), status: operation?.outcome?.status }).toEqual({ text: kept, status: 'lost' });
    }
  });
});
