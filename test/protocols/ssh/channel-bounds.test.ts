/** What a peer can make a channel do or keep has bounds, whatever it sends, and nothing comes behind the end of a stream. Counted, not timed. */
import { describe, expect, it } from 'vitest';
import type { Guard } from '../../../src/contract/protocol.js';
import type { Verdict } from '../../../src/contract/verdict.js';
import { Channel } from '../../../src/protocols/ssh/channel.js';
import { REPLIES } from '../../../src/protocols/ssh/codec/limits.js';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import type { Legs } from '../../../src/protocols/ssh/legs.js';
import { ReplyOrder } from '../../../src/protocols/ssh/reply-order.js';

const VIOLATION = expect.objectContaining({ code: 'protocol.violation' });
const YES = { allowed: true } as Verdict;

/** Both legs, and what went over them; questions are held until the test answers them. */
class Wires {
  readonly down: Buffer[] = [];
  readonly up: Buffer[] = [];
  readonly questions: ((verdict: Verdict) => void)[] = [];
  readonly legs = {
    guard: {
      transport: () => YES,
      finish: () => undefined,
      receive: () => undefined,
      deliver: (_verdict: Verdict, bytes: Uint8Array) => bytes,
    } as Partial<Guard> as Guard,
    down: (head, body) => void this.down.push(Buffer.concat([head, body ?? Buffer.alloc(0)])),
    up: (_verdict, head, body) => void this.up.push(Buffer.concat([head, body ?? Buffer.alloc(0)])),
    ask: (_operation, _speaker, then) => void this.questions.push(then),
    withdraw: () => undefined,
  } as Partial<Legs> as Legs;

  /** A session that both sides opened. */
  channel(): Channel {
    const channel = new Channel(this.legs, 0, 'session', null);
    channel.serverId = 0;
    return channel;
  }
}

describe('words of the gateway', () => {
  it('go out in packets as short as the client wants them, byte for byte', () => {
    const wires = new Wires();
    const channel = wires.channel();
    channel.clientPacket = 1;
    channel.windows.fromClient(16_000);
    channel.say('é\r\n');
    expect(wires.down.map((each) => each[0])).toEqual(Array(4).fill(MESSAGE.extendedData));
    expect(Buffer.concat(wires.down.map((each) => each.subarray(13))).toString()).toBe('é\r\n');
  });
});

describe('replies', () => {
  it.each(['remote', 'local'] as const)('that are owed are only so many: one more (%s) is a violation, and is not once one was given', (last) => {
    expect(REPLIES).toBeLessThanOrEqual(100_000);
    const replies = new ReplyOrder();
    for (let asked = 0; asked < REPLIES; asked++) replies.remote();
    expect(() => replies[last](() => undefined)).toThrow(VIOLATION);
    expect(replies.answered(() => undefined)).toBe(true);
    replies[last](() => undefined);
    expect(() => replies[last](() => undefined)).toThrow(VIOLATION);
  });

  it('keep their order over many more than may be owed at a time', () => {
    const replies = new ReplyOrder();
    const order: number[] = [];
    let asked = 0;
    for (let round = 0; round < 20; round++) {
      for (let each = 0; each < REPLIES / 8; each++) {
        const [remote, local] = [asked++, asked++];
        replies.remote((pass) => {
          order.push(remote);
          pass();
        });
        replies.local(() => void order.push(local));
      }
      for (let each = 0; each < REPLIES / 8 - (round < 3 ? 100 : 0); each++) expect(replies.answered(() => undefined)).toBe(true);
    }
    while (replies.answered(() => undefined));
    expect(order).toEqual(Array.from({ length: asked }, (_, at) => at));
  });
});
