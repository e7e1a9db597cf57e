/**
 * Channels that end in unusual ways, message for message: closed while something of them is held, refused or stopped, by sides of which each is
 * slow in its turn. Whoever closes a channel hears that it is closed, once, and what comes behind it on the connection is answered.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNELS } from '../../../src/protocols/ssh/codec/limits.js';
import { about, data, MESSAGE, OPEN_REFUSED, openFailure, windowAdjust } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import { askingPolicy } from '../../approval/asking-policy.js';
import { type DeskWorld, startDeskWorld } from '../../approval/desk-world.js';
import { demand } from '../../approval/fixture.js';
import { eventually } from '../../store/state-server.js';
import { type RealSshd, startRealSshd } from '../../support/real-sshd.js';
import { type Cut, ScriptedClient, stubTarget } from '../../support/ssh-peers.js';
import { type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: token, detect: true, screen: true } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: no-rm, effect: deny, actions: [ssh.exec], resources: [program: rm] }
  - { id: quick, effect: allow, actions: [ssh.forward.local], limits: { seconds: 1 } }
  - { id: small-output, effect: allow, actions: [ssh.exec], resources: [program: base64], limits: { bytes: 64KiB } }
`;

/** What the target heard, and how it answers: by itself what a server answers at once, unless the test says that it waits. */
class Target {
  readonly heard: Buffer[] = [];
  /** By its own numbers, which it gives again as soon as both closed a channel, those of the gateway. */
  readonly peers = new Map<number, number>();
  confirms = true;
  unconfirmed = -1;
  answersClose = true;
  answersRequests = true;
  send: (payload: Buffer) => void = () => undefined;
  readonly #closed = new Map<number, { heard: boolean; sent: boolean }>();

  readonly talk = (payload: Buffer, send: (payload: Buffer) => void): void => {
    this.send = send;
    this.heard.push(Buffer.from(payload));
    const reader = new WireReader(payload, 1);
    if (payload[0] === MESSAGE.open) {
      reader.name();
      const peer = reader.uint32();
      if (this.confirms) this.confirm(peer);
      else this.unconfirmed = peer;
      return;
    }
    const own = reader.uint32();
    const peer = this.peers.get(own) ?? 0;
    if (payload[0] === MESSAGE.channelRequest && this.answersRequests) {
      const type = reader.name();
      if (reader.boolean()) send(about(MESSAGE.channelSuccess, peer));
      if (type === 'exec' && reader.string(1_000).toString() === 'true') this.ends(own, 0);
    } else if (payload[0] === MESSAGE.close) {
      const state = this.#closed.get(own);
      if (state === undefined || state.heard) throw new Error('a close too many');
      state.heard = true;
      if (this.answersClose) this.closes(own);
      else this.#free(own);
    }
  };

  confirm(peer: number): void {
    const own = this.numbered(peer);
    this.send(message(MESSAGE.openConfirmation, uint32(peer), uint32(own), uint32(1 << 20), uint32(32_768)));
  }

  numbered(peer: number): number {
    let own = 0;
    while (this.peers.has(own)) own++;
    this.peers.set(own, peer);
    this.#closed.set(own, { heard: false, sent: false });
    return own;
  }

  ends(own: number, status: number): void {
    const peer = uint32(this.peers.get(own) ?? 0);
    this.send(message(MESSAGE.channelRequest, peer, string('exit-status'), boolean(false), uint32(status)));
    this.send(message(MESSAGE.eof, peer));
    this.closes(own);
  }

  closes(own: number): void {
    const state = this.#closed.get(own);
    if (state?.sent === false) this.send(about(MESSAGE.close, this.peers.get(own) ?? 0));
    if (state !== undefined) state.sent = true;
    this.#free(own);
  }

  #free(own: number): void {
    const state = this.#closed.get(own);
    if (state?.heard !== true || !state.sent) return;
    this.#closed.delete(own);
    this.peers.delete(own);
  }

  count(type: number): number {
    return this.heard.filter((each) => each[0] === type).length;
  }
}

let sshd: RealSshd;
let desks: DeskWorld;
beforeAll(async () => {
  sshd = await startRealSshd();
  desks = await startDeskWorld(1);
});
afterAll(async () => {
  await sshd?.[Symbol.asyncDispose]();
  await desks?.close();
});

async function between(use: (client: ScriptedClient, target: Target, world: SshWorld) => Promise<void>, asks = false): Promise<void> {
  const target = new Target();
  const stub = await stubTarget({ talk: target.talk });
  const [desk] = desks.desks;
  const asked = demand({ groups: ['dba'] });
  const world = await startSshWorld({
    policy: POLICY,
    sshd: { ...sshd, port: stub.port },
    options: { hostKeys: [stub.hostKey] },
    ...(asks && desk !== undefined
      ? {
          approvals: desk.door,
          wrapPolicy: (set) =>
            askingPolicy(set, { operation: ({ effects }) => (effects.some(({ resource }) => resource?.name[0] === 'touch') ? asked : null), connect: null }),
        }
      : {}),
  });
  desks.policy = world.path.policy;
  const client = await ScriptedClient.login(world.path.port);
  try {
    await use(client, target, world);
    // Whatever happened: the connection is good for more.
    expect(await ran(client, 99)).toBe(0);
  } finally {
    client.end();
    await world[Symbol.asyncDispose]();
    stub.close();
  }
}

const open = (number: number, window = 1 << 20): Buffer => message(MESSAGE.open, string('session'), uint32(number), uint32(window), uint32(32_768));
const request = (channel: number, type: string, ...more: Buffer[]): Buffer =>
  message(MESSAGE.channelRequest, uint32(channel), string(type), boolean(true), ...more);
const exec = (channel: number, command: string): Buffer => request(channel, 'exec', string(command));
const pty = (channel: number): Buffer => request(channel, 'pty-req', string('xterm'), uint32(80), uint32(24), uint32(0), uint32(0), string(Buffer.from([0])));

/** What was heard for the client's channel of that number. */
const of = (client: ScriptedClient, number: number, type?: number): Buffer[] =>
  client.heard.filter((each) => each.readUInt32BE(1) === number && (type === undefined || each[0] === type));
const statusOf = (client: ScriptedClient, number: number): number | undefined =>
  of(client, number, MESSAGE.channelRequest).flatMap((each) => {
    const reader = new WireReader(each, 5);
    return reader.name() === 'exit-status' && !reader.boolean() ? [reader.uint32()] : [];
  })[0];

/** Opens a channel and gives the number to which the client writes. */
async function opened(client: ScriptedClient, number: number, window?: number): Promise<number> {
  const before = of(client, number, MESSAGE.openConfirmation).length;
  await client.sends([open(number, window)]);
  await client.until(() => of(client, number, MESSAGE.openConfirmation).length > before);
  return of(client, number, MESSAGE.openConfirmation).at(-1)?.readUInt32BE(5) ?? -1;
}

const closedOf = (client: ScriptedClient, number: number, times = 1): Promise<void> => client.until(() => of(client, number, MESSAGE.close).length >= times);

/** Runs `true` on a channel of its own, to the end. */
async function ran(client: ScriptedClient, number: number): Promise<number | undefined> {
  const to = await opened(client, number);
  await client.sends([exec(to, 'true')]);
  await closedOf(client, number);
  await client.sends([about(MESSAGE.eof, to), about(MESSAGE.close, to)]);
  return statusOf(client, number);
}

/** The client closed channel 5 and heard that it is closed; the target did not close it yet. Now a channel of that number is opened again. */
async function usedAgain(client: ScriptedClient, target: Target): Promise<void> {
  client.heard.length = 0;
  const next = await opened(client, 5);
  // The close of the channel before is nothing to the one that has its number now.
  target.closes(0);
  target.answersClose = true;
  await client.sends([exec(next, 'true')]);
  await closedOf(client, 5);
  expect(statusOf(client, 5)).toBe(0);
  expect(of(client, 5, MESSAGE.close).length).toBe(1);
  await client.sends([about(MESSAGE.close, next)]);
}

describe('a held command whose client closes the channel', () => {
  const cuts: readonly Cut[] = ['together', 'apart', 'bytewise'];
  const eof = (to: number): Buffer => about(MESSAGE.eof, to);
  const close = (to: number): Buffer => about(MESSAGE.close, to);
  const widen = (to: number): Buffer => windowAdjust(to, 65_536);
  const input = (to: number): Buffer => data(to, Buffer.from('input'));
  const orders: Readonly<Record<string, readonly ((to: number) => Buffer)[]>> = {
    'close only': [close],
    'its end and the close': [eof, close],
    'more room, then the close': [widen, close],
    'input, its end, more room and the close': [input, eof, widen, close],
    'a change of the terminal, then the close': [
      (to) => message(MESSAGE.channelRequest, uint32(to), string('window-change'), boolean(false), ...[1, 1, 1, 1].map(uint32)),
      close,
    ],
  };

  it.each(Object.entries(orders).flatMap(([name, order]) => cuts.map((cut) => [name, cut, order] as const)))(
    'with %s, %s with the next one behind it, hears of the close once, and the next one runs',
    async (_, cut, order) => {
      await between(async (client, target) => {
        const to = await opened(client, 5);
        await client.sends([exec(to, 'touch held')]);
        const [desk] = desks.desks;
        await eventually('it is held', async () => (await desk?.list({ states: ['pending'], limit: 10 }))?.length === 1);
        await client.sends([...order.map((each) => each(to)), open(6)], cut);
        await client.until(() => of(client, 6, MESSAGE.openConfirmation).length > 0);
        const next = of(client, 6, MESSAGE.openConfirmation)[0]?.readUInt32BE(5) ?? -1;
        await client.sends([exec(next, 'true')], cut);
        await closedOf(client, 5);
        await closedOf(client, 6);
        await client.sends([close(next)]);
        expect(statusOf(client, 6)).toBe(0);
        // Its number is free for another one.
        expect(await ran(client, 7)).toBe(0);
        expect(of(client, 5, MESSAGE.close).length).toBe(1);
        expect(target.heard.some((each) => each.includes('touch held'))).toBe(false);
        expect(await desk?.list({ states: ['pending'], limit: 10 })).toEqual([]);
      }, true);
    },
  );

  it('leaves the number of its channel to the next one, though the target is slow to close', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5);
      await client.sends([exec(to, 'touch held')]);
      const [desk] = desks.desks;
      await eventually('it is held', async () => (await desk?.list({ states: ['pending'], limit: 10 }))?.length === 1);
      target.answersClose = false;
      await client.sends([close(to)]);
      await closedOf(client, 5);
      await usedAgain(client, target);
    }, true);
  });

  it('behind the next one that it asks for is answered, while it is not asked for itself', async () => {
    await between(async (client, target) => {
      const first = await opened(client, 1);
      const second = await opened(client, 2);
      const third = await opened(client, 3);
      await client.sends([exec(first, 'touch first'), exec(second, 'touch second'), close(second), exec(third, 'true'), close(first)]);
      for (const number of [1, 2, 3]) await closedOf(client, number);
      expect(statusOf(client, 3)).toBe(0);
      expect(target.heard.some((each) => each.includes('touch'))).toBe(false);
    }, true);
  });
});

describe('a refused command', () => {
  it('leaves the number of its channel to the next one, though the target is slow to close', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5);
      target.answersClose = false;
      await client.sends([exec(to, 'rm x')]);
      await closedOf(client, 5);
      await client.sends([about(MESSAGE.close, to)]);
      await usedAgain(client, target);
    });
  });

  it('leaves the number that the target gave its channel to the next one, though the client is slow to close', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5);
      await client.sends([exec(to, 'rm x')]);
      await closedOf(client, 5);
      expect(target.peers.size).toBe(0);
      const next = await opened(client, 6);
      expect(target.peers.has(0)).toBe(true);
      expect(next).not.toBe(to);
      await client.sends([about(MESSAGE.eof, to), about(MESSAGE.close, to), exec(next, 'true')]);
      await closedOf(client, 6);
      expect(statusOf(client, 6)).toBe(0);
      await client.sends([about(MESSAGE.close, next)]);
    });
  });

  it.each(['together', 'apart', 'bytewise'] as const)(
    'for which the target owes an answer, and whose client said more and closed (%s), hears of the close once',
    async (cut) => {
      await between(async (client, target) => {
        const to = await opened(client, 5);
        target.answersRequests = false;
        await client.sends(
          [pty(to), exec(to, 'rm x'), request(to, 'shell'), data(to, Buffer.from('input')), about(MESSAGE.eof, to), about(MESSAGE.close, to)],
          cut,
        );
        await closedOf(client, 5);
        expect(of(client, 5, MESSAGE.close).length).toBe(1);
        expect(target.count(MESSAGE.close)).toBe(1);
        target.answersRequests = true;
      });
    },
  );

  it('for which the target owes an answer is said no to behind that answer', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5);
      target.answersRequests = false;
      target.answersClose = false;
      await client.sends([request(to, 'env', string('LANG'), string('C')), exec(to, 'rm x')]);
      await eventually('the target is asked to close', () => Promise.resolve(target.count(MESSAGE.close) === 1));
      target.send(about(MESSAGE.channelFailure, 5));
      await closedOf(client, 5);
      expect(of(client, 5).map((each) => each[0])).toEqual([
        MESSAGE.openConfirmation,
        MESSAGE.channelFailure,
        MESSAGE.channelSuccess,
        MESSAGE.extendedData,
        MESSAGE.channelRequest,
        MESSAGE.eof,
        MESSAGE.close,
      ]);
      target.closes(0);
      target.answersRequests = true;
      target.answersClose = true;
      await client.sends([about(MESSAGE.close, to)]);
    });
  });
});

describe('a command that is stopped', () => {
  it('after its client closed the channel: both sides hear of the close once', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5);
      target.answersClose = false;
      await client.sends([exec(to, 'base64 big'), about(MESSAGE.eof, to), about(MESSAGE.close, to)]);
      await eventually('the target is asked to close', () => Promise.resolve(target.count(MESSAGE.close) === 1));
      for (let sent = 0; sent < 5; sent++) target.send(data(5, Buffer.alloc(20_000, 'x')));
      await closedOf(client, 5);
      target.closes(0);
      target.answersClose = true;
      expect(await ran(client, 6)).toBe(0);
      expect(of(client, 5, MESSAGE.close).length).toBe(1);
    });
  });
});

describe('a connection that is stopped before the target made it', () => {
  const forward = message(MESSAGE.open, string('direct-tcpip'), uint32(5), ...[1 << 20, 32_768].map(uint32), string('h'), uint32(1), string('o'), uint32(1));

  it.each([true, false])('is one that could not be opened, for the client, whether the target opens it later (%s) or not', async (later) => {
    await between(async (client, target) => {
      target.confirms = false;
      await client.sends([forward]);
      await client.until(() => of(client, 5).length > 0);
      expect(of(client, 5).map((each) => each[0])).toEqual([MESSAGE.openFailure]);
      // Its number is the client's again.
      target.confirms = true;
      expect(await ran(client, 5)).toBe(0);
      if (later) target.confirm(target.unconfirmed);
      else target.send(openFailure(target.unconfirmed, 2, 'no'));
      expect(await ran(client, 6)).toBe(0);
      await eventually('the target may forget it', () => Promise.resolve(target.peers.size === 0));
      expect(of(client, 5, MESSAGE.openFailure).length).toBe(1);
    });
  });
});

describe('output that waits for room', () => {
  it('does not keep a client that closes from the end', async () => {
    await between(async (client, target) => {
      const to = await opened(client, 5, 400);
      await client.sends([pty(to), exec(to, 'show')]);
      await eventually('it runs', () => Promise.resolve(target.heard.some((each) => each.includes('show'))));
      // Each becomes longer, so not all of them have room.
      target.send(data(5, Buffer.from('536-22-8734 '.repeat(16))));
      target.ends(0, 3);
      await client.until(() => of(client, 5, MESSAGE.data).length > 0);
      expect(of(client, 5, MESSAGE.close).length).toBe(0);
      await client.sends([about(MESSAGE.close, to)]);
      await closedOf(client, 5);
      expect(statusOf(client, 5)).toBe(3);
    });
  });
});

describe('more channels than a connection may have', () => {
  it('are refused one by one, never reach the target, and those that are open go on', async () => {
    await between(async (client, target) => {
      const all: number[] = [];
      for (let number = 1_000; number < 1_000 + CHANNELS; number++) all.push(await opened(client, number));
      const opens = target.count(MESSAGE.open);
      await client.sends([open(5), open(6)]);
      await client.until(() => of(client, 6).length > 0);
      for (const number of [5, 6])
        expect(of(client, number).map((each) => [each[0], each.readUInt32BE(5)])).toEqual([[MESSAGE.openFailure, OPEN_REFUSED.shortage]]);
      expect(target.count(MESSAGE.open)).toBe(opens);
      await client.sends([exec(all[0] ?? -1, 'true')]);
      await closedOf(client, 1_000);
      expect(statusOf(client, 1_000)).toBe(0);
      await client.sends([about(MESSAGE.close, all[0] ?? -1)]);
      // There is room for one again.
      expect(await ran(client, 7)).toBe(0);
    });
  });
});
