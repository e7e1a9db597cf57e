/** Flow control by itself and between peers that do not keep to it: room that cannot be, room that is lent, and what is typed in it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { data, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { LENT_BYTES, TypeAhead } from '../../../src/protocols/ssh/type-ahead.js';
import { Windows } from '../../../src/protocols/ssh/windows.js';
import { eventually } from '../../store/state-server.js';
import { agreeably, ScriptedClient } from '../../support/ssh-peers.js';
import { type StubSshWorld, startStubSshWorld } from '../../support/stub-ssh-world.js';

describe('a window', () => {
  it.each(['client', 'target'] as const)(
    'of the %s that is widened beyond what a window can have is a violation, and not however much goes through it',
    (side) => {
      const windows = new Windows();
      const most = 0xff_ff_ff_ff;
      for (let round = 0; round < 5; round++) {
        windows[side].give(most);
        windows[side].take(most);
      }
      windows[side].give(most);
      expect(() => windows[side].give(1)).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
    },
  );

  it.each(['client', 'target'] as const)('of the %s that is sent more than it has room for is a violation, to the byte', (side) => {
    const windows = new Windows();
    windows[side].give(100);
    windows[side].take(60);
    windows[side].take(40);
    windows[side].take(0);
    expect(() => windows[side].take(1)).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
  });

  it('counts what the target offered when it opened the channel', () => {
    const windows = new Windows();
    windows.fromTarget(0xff_ff_ff_ff);
    expect(() => windows.fromTarget(1_000)).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
  });

  it('is lent from only where the target gave none, once, and what was lent comes off what the target gives', () => {
    const given = new Windows(true);
    given.fromTarget(1);
    expect(given.lend(10)).toBe(false);
    const windows = new Windows(true);
    windows.fromTarget(0);
    expect(windows.lend(10)).toBe(true);
    expect(windows.lend(10)).toBe(false);
    expect([windows.fromTarget(4), windows.fromTarget(4), windows.fromTarget(4), windows.fromTarget(4)]).toEqual([0, 0, 2, 4]);
  });
});

describe('what is typed ahead', () => {
  it('is no more than what was lent', () => {
    const windows = new Windows(true);
    windows.fromTarget(0);
    expect(windows.lend(LENT_BYTES)).toBe(true);
    windows.client.give(LENT_BYTES);
    let kept = 0;
    const flood = (): void => {
      for (;;) {
        windows.client.take(1_024);
        kept += 1_024;
      }
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'protocol.violation' }));
    expect(kept).toBe(LENT_BYTES);
  });

  it('goes up as far as the target has room, in order, and its end behind it', () => {
    const sent: string[] = [];
    const ahead = new TypeAhead((bytes) => void sent.push(bytes.toString()));
    ahead.take(Buffer.from('one '));
    ahead.take(Buffer.from('two'));
    expect(sent).toEqual([]);
    ahead.widened(5);
    ahead.end(() => void sent.push('END'));
    expect(sent).toEqual(['one t']);
    ahead.widened(1);
    ahead.widened(LENT_BYTES);
    expect(sent).toEqual(['one t', 'w', 'o', 'END']);
    ahead.take(Buffer.from('more'));
    expect(sent.at(-1)).toBe('more');
  });
});

describe('a peer that sends more than it was given room for', () => {
  let stub: StubSshWorld;
  let client: ScriptedClient;
  const WINDOW = 1_000;

  beforeAll(async () => {
    stub = await startStubSshWorld((payload, send) => {
      if (payload[0] === MESSAGE.open) send(message(MESSAGE.openConfirmation, uint32(3), uint32(3), uint32(WINDOW), uint32(32_768)));
      else agreeably(payload, send);
    });
  });
  afterAll(async () => {
    client?.end();
    await stub?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    client?.end();
    stub.heard.length = 0;
    client = await ScriptedClient.login(stub.world.path.port);
  });

  /** A channel of each way of opening one, with the room that each side has on it. */
  const ways = {
    session: async () => {
      await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(WINDOW), uint32(32_768))]);
      await client.until(() => client.heard.length === 1);
      await client.sends([message(MESSAGE.channelRequest, uint32(3), string('exec'), boolean(true), string('cat'))]);
      await client.until(() => client.heard.length === 2);
      // What is kept back for words of the gateway.
      return { client: WINDOW - 64, target: WINDOW / 2 };
    },
    'connection of the client': async () => {
      const place = [string('h'), uint32(1), string('o'), uint32(1)];
      await client.sends([message(MESSAGE.open, string('direct-tcpip'), uint32(3), uint32(WINDOW), uint32(32_768), ...place)]);
      await client.until(() => client.heard.length === 1);
      return { client: WINDOW, target: WINDOW };
    },
    'connection of the target': async () => {
      const place = [string('h'), uint32(1), string('o'), uint32(1)];
      // The target speaks once it is spoken to.
      await client.sends([message(MESSAGE.globalRequest, string('keepalive@openssh.com'), boolean(false))]);
      await eventually('the target is there', () => stub.heard.length > 0);
      stub.target(message(MESSAGE.open, string('forwarded-tcpip'), uint32(3), uint32(WINDOW), uint32(32_768), ...place));
      await client.until(() => client.heard.length === 1);
      await client.sends([message(MESSAGE.openConfirmation, uint32(3), uint32(3), uint32(WINDOW), uint32(32_768))]);
      await eventually('the target hears that it is open', () => stub.heard.some((each) => each[0] === MESSAGE.openConfirmation));
      return { client: WINDOW, target: WINDOW };
    },
  };
  const bytesIn = (messages: readonly Buffer[]): number =>
    messages.filter((each) => each[0] === MESSAGE.data).reduce((sum, each) => sum + each.readUInt32BE(5), 0);
  /** How the last session ended, by its record. */
  const ending = async (): Promise<string> => {
    let end = '';
    await eventually('its end is recorded', async () => {
      const last = (await stub.world.recorded()).findLast(({ kind }) => kind === 'end' || kind === 'start');
      if (last?.kind === 'end') end = `${last.end.reason}: ${last.end.message ?? ''}`;
      return end !== '';
    });
    return end;
  };

  it.each(Object.entries(ways))('on a %s ends the session, whichever it is, and the byte too many does not arrive', async (_, open) => {
    const room = await open();
    await client.sends([data(3, Buffer.alloc(room.client))]);
    await eventually('what has room is there', () => bytesIn(stub.heard) === room.client);
    await client.sends([data(3, Buffer.from('x'))]);
    await expect(client.until(() => false)).rejects.toThrow('the gateway closed');
    expect(bytesIn(stub.heard)).toBe(room.client);
    expect(await ending()).toBe('protocol: The peer sent more than the other side has room for.');
    client.end();
    stub.heard.length = 0;
    client = await ScriptedClient.login(stub.world.path.port);
    const again = await open();
    stub.target(data(3, Buffer.alloc(again.target)));
    await client.until(() => bytesIn(client.heard) === again.target);
    stub.target(data(3, Buffer.from('x')));
    await expect(client.until(() => false)).rejects.toThrow('the gateway closed');
    expect(bytesIn(client.heard)).toBe(again.target);
    expect(await ending()).toBe('protocol: The target sent more than the other side has room for.');
  });
});
