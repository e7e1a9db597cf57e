/** The way up by itself: what a client costs that sends byte by byte, and that its bytes arrive as they were. */
import { describe, expect, it } from 'vitest';
import type { EngineContext } from '../../../src/contract/protocol.js';
import { Conversation } from '../../../src/protocols/postgres/conversation.js';
import { StatementCache } from '../../../src/protocols/postgres/facts/index.js';
import { Frontend } from '../../../src/protocols/postgres/frontend.js';
import type { RowGuard } from '../../../src/protocols/postgres/row-guard.js';
import { frame } from '../../support/raw-client.js';

function frontend() {
  const sent: Buffer[] = [];
  const paused = { count: 0 };
  const verdict = { allowed: true };
  const context = {
    guard: { transport: () => verdict, receive: () => undefined },
    sendUp: (_verdict: unknown, chunk: Uint8Array) => void sent.push(Buffer.from(chunk)),
    pauseClient: () => void paused.count++,
    resumeClient: () => undefined,
    pauseTarget: () => undefined,
    resumeTarget: () => undefined,
    catalog: () => null,
  } as unknown as EngineContext;
  const talk = new Conversation(context);
  return { talk, sent, paused, up: new Frontend(talk, { busy: false, advance: () => undefined } as unknown as RowGuard, new StatementCache(), 1 << 20) };
}

const BYTES = 250_000;

describe('a client that sends byte by byte', () => {
  it.each(['a statement', 'behind a message that waits'])('costs little: %s', (what) => {
    const { talk, up, paused } = frontend();
    const started = process.cpuUsage();
    if (what === 'a statement') up.take(frame('Q', 'x'.repeat(BYTES + 10)).subarray(0, 5));
    else {
      talk.awaitingCopy = true;
      up.take(frame('S'));
    }
    for (let i = 0; i < BYTES; i++) up.take(Buffer.from('x'));
    // Of the processor: on a machine that is busy all takes longer, and costs no more.
    expect(process.cpuUsage(started).user).toBeLessThan(2_000_000);
    expect(paused.count).toBe(what === 'a statement' ? 0 : 1);
  });

  it('is heard as it was, in whatever parts', () => {
    const messages = Array.from({ length: 200 }, (_, index) => frame('d', `row ${index}\n`.repeat(1 + (index % 7))));
    const all = Buffer.concat(messages);
    for (const size of [1, 2, 3, 7, 64, 1000]) {
      const { talk, up, sent } = frontend();
      talk.copyIn = { allowed: true } as never;
      talk.awaitingCopy = true;
      for (let at = 0; at < all.length; at += size) {
        const chunk = Buffer.from(all.subarray(at, at + size));
        up.take(chunk);
        chunk.fill(0);
        if (at > all.length / 2) {
          talk.awaitingCopy = false;
          up.retry();
        }
      }
      expect(Buffer.concat(sent).equals(all)).toBe(true);
    }
  });
});
