/** Channels by hand, as no client of the system uses them: packets of a byte, and requests whose replies nobody reads. */
import { expect, it } from 'vitest';
import { Channel } from '../../../src/protocols/ssh/channel.js';
import { REPLIES } from '../../../src/protocols/ssh/codec/limits.js';
import type { Legs } from '../../../src/protocols/ssh/legs.js';
import { OutputQueue } from '../../../src/protocols/ssh/output-queue.js';
import { ReplyOrder } from '../../../src/protocols/ssh/reply-order.js';
import { Windows } from '../../../src/protocols/ssh/windows.js';

it('words of the gateway are cut where packets end, also within a character, and end', () => {
  const sent: Buffer[] = [];
  const legs = { guard: { masking: () => null }, down: (payload: Buffer) => sent.push(Buffer.from(payload)) } as unknown as Legs;
  const channel = new Channel(legs, 0, 'session', null);
  channel.serverId = 0;
  channel.clientPacket = 1;
  channel.windows.fromClient(16_000);
  channel.say('é\r\n');
  // Each is a message of extended data: type, number, kind, length, one byte.
  expect(Buffer.concat(sent.map((each) => each.subarray(13))).toString('utf8')).toBe('é\r\n');
  expect(sent).toHaveLength(4);
});

it('output in the place of what the target sent waits as it is, and is cut into packets when there is room', () => {
  const windows = new Windows();
  const sent: string[] = [];
  const queue = new OutputQueue(windows, {
    data: (bytes) => sent.push(bytes.toString()),
    tell: (message) => sent.push(`told ${message.toString()}`),
    credit: () => undefined,
  });
  queue.show(Buffer.from('abc'), false, 3, 1);
  queue.show(Buffer.from('de'), true, 2, 1);
  expect(queue.behind(Buffer.from('x'))).toBe(true);
  queue.show(Buffer.from('f'), false, 1, 1);
  expect(sent).toEqual([]);
  for (let step = 0; step < 6; step++) {
    queue.widened(windows.widenedByClient(1));
  }
  expect(sent).toEqual(['a', 'b', 'c', 'd', 'e', 'told x', 'f']);
  expect(queue.behind(Buffer.from('y'))).toBe(false);
});

it('so many replies may be waited for, and no more; they come in order', () => {
  const order = new ReplyOrder();
  const said: number[] = [];
  order.remote();
  for (let at = 1; at < REPLIES; at++) order.local(() => said.push(at));
  expect(() => order.remote()).toThrow('more than 10000 requests that wait for a reply');
  expect(() => order.local(() => undefined)).toThrow('more than 10000 requests that wait for a reply');
  expect(order.answered(() => said.push(0))).toBe(true);
  expect(said).toEqual(Array.from({ length: REPLIES }, (_, at) => at));
  order.remote();
  expect(order.answered(() => said.push(-1))).toBe(true);
  expect(order.answered(() => said.push(-2))).toBe(false);
});
