/** Masked rows come down the same however the target's bytes are cut into reads: a message that spans two of them is put together by itself. */

import { beforeAll, describe, expect, it } from 'vitest';
import type { Guard } from '../../../src/contract/protocol.js';
import { Backend } from '../../../src/protocols/postgres/backend.js';
import { endOfBegun } from '../../../src/protocols/postgres/codec/begun-message.js';
import type { Conversation } from '../../../src/protocols/postgres/conversation.js';
import { Wait } from '../../../src/protocols/postgres/flight.js';
import type { ResultMasker } from '../../../src/protocols/postgres/masking/result-masker.js';
import type { StatementStop } from '../../../src/protocols/postgres/statement-stop.js';
import { fc } from '../../support/fast-check.js';
import { frame } from '../../support/raw-client.js';

const ROWS = Buffer.concat(Array.from({ length: 900 }, (_, i) => frame('D', Buffer.alloc(i % 7 === 0 ? 3_000 : 60 + (i % 190), 97 + (i % 26)))));

interface Fed {
  readonly out: Buffer;
  readonly rows: number;
  readonly stretches: number;
}

/** Every byte of a row is masked to its successor, in its own memory, as rows are. */
function feed(reads: readonly Buffer[], stopAfter = Number.POSITIVE_INFINITY, stopped: Buffer[] = []): Fed {
  const out: Buffer[] = [];
  let rows = 0;
  let stretches = 0;
  const masker = {
    frames: (stretch: Buffer) => {
      for (let at = 0; at < stretch.length; ) {
        const next = at + 1 + stretch.readUInt32BE(at + 1);
        expect(next).toBeLessThanOrEqual(stretch.length);
        for (let i = at + 5; i < next; i++) stretch[i] = (stretch[i] ?? 0) + 1;
        at = next;
      }
      return stretch;
    },
  } as unknown as ResultMasker;
  const guard = {
    deliver: (_: unknown, chunk: Buffer, begun: number) => {
      rows += begun;
      stretches++;
      return chunk;
    },
  } as unknown as Guard;
  const talk = {
    over: false,
    flight: { kind: () => Wait.Query, verdict: () => guard, masker: () => masker },
    context: { guard, sendDown: (chunk: Buffer) => void out.push(Buffer.from(chunk)), readOnly: false },
  } as unknown as Conversation;
  const stop = {
    take: (chunk: Buffer) => {
      if (stretches < stopAfter) return false;
      stopped.push(Buffer.from(chunk));
      return true;
    },
    possible: () => false,
  } as unknown as StatementStop;
  const backend = new Backend(talk, stop, () => undefined);
  for (const read of reads) backend.take(Buffer.from(read));
  return { out: Buffer.concat(out), rows, stretches };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const reads: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    reads.push(bytes.subarray(at, at + size));
    at += size;
  }
  return reads;
}

describe('rows that span reads', () => {
  let whole: Fed;
  beforeAll(() => {
    whole = feed([ROWS]);
  });

  it('are masked and counted once, wherever the reads are cut', () => {
    expect(whole.rows).toBe(900);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 8 }), (sizes) => {
        const { out, rows } = feed(cut(ROWS, sizes));
        return rows === whole.rows && out.equals(whole.out);
      }),
      { numRuns: 200 },
    );
  });

  it('are cut at every byte of a header and a body', () => {
    const begin = ROWS.indexOf('D', 20_000);
    for (let at = begin; at < begin + 20; at++) expect(feed([ROWS.subarray(0, at), ROWS.subarray(at)]).out.equals(whole.out)).toBe(true);
  });

  it('leave what follows them to whoever ends the statement', () => {
    const reads = cut(ROWS, [9_999]);
    const stopped: Buffer[] = [];
    // The second stretch is the row that spans the first two reads.
    const { stretches, out } = feed(reads.slice(0, 2), 2, stopped);
    expect(stretches).toBe(2);
    const [rest] = stopped;
    expect(rest === undefined ? 0 : out.length + rest.length).toBe(reads[0] === undefined || reads[1] === undefined ? -1 : reads[0].length + reads[1].length);
  });
});

describe('the end of a message that began', () => {
  const chunk = Buffer.alloc(10_000);

  it('is told by its header, wherever that is cut', () => {
    const message = frame('D', Buffer.alloc(300));
    for (let at = 1; at < message.length; at++)
      expect(endOfBegun(message.subarray(0, at), Buffer.concat([message.subarray(at), chunk]))).toBe(message.length - at);
  });

  it('is none where it does not end there, its length is none, or little is to be gained', () => {
    const begun = (length: number): Buffer => Buffer.from([0x44, length >> 24, length >> 16, length >> 8, length, 1, 2]);
    for (const length of [0, 3, 4, 10_006, 0x7f_ff_ff_ff, 0xff_ff_ff_ff]) expect(endOfBegun(begun(length), chunk)).toBe(0);
    expect(endOfBegun(begun(300), chunk.subarray(0, 8_000))).toBe(0);
    expect(endOfBegun(begun(300), chunk)).toBe(294);
  });
});
