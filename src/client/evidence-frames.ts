/** Reads the frames of an evidence pack as the gateway sends them and hands on the files. Untrusted: what the gateway sends. */
import { z } from 'zod';
import type { EvidenceExport } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';

const HEAD_BYTES = 1 << 20;
const text = z.string().max(10_000);

const frame = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('progress'), what: text, part: z.number() }),
  z.strictObject({ kind: z.literal('file'), path: text, bytes: z.int().min(0), last: z.boolean() }),
  z.strictObject({
    kind: z.literal('end'),
    result: z.object({
      gateway: text,
      from: text,
      to: text,
      session: text.nullable(),
      files: z.int(),
      bytes: z.int(),
      sections: z.array(z.object({ section: text, rows: z.int(), state: text })),
      failed: z.array(z.object({ id: text, claim: text, detail: text })),
    }),
  }),
]);

/** Where files of a pack go, piece by piece. */
export interface PackOutput {
  write(path: string, bytes: Uint8Array, last: boolean): Promise<void>;
}

/** @throws GwError `gateway.unreachable` when the answer ends before the pack is whole, or is none */
export async function readEvidenceFrames(
  pieces: AsyncIterable<Buffer>,
  out: PackOutput,
  progress: (what: string, part: number) => void,
): Promise<EvidenceExport> {
  let held: Buffer = Buffer.alloc(0);
  let file: { path: string; left: number; last: boolean } | null = null;
  for await (const piece of pieces) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    for (;;) {
      if (file !== null) {
        const now = held.subarray(0, file.left);
        file.left -= now.length;
        await out.write(file.path, now, file.last && file.left === 0);
        held = held.subarray(now.length);
        if (file.left > 0) break;
        file = null;
      }
      const end = held.indexOf(0x0a);
      if (end < 0) {
        if (held.length > HEAD_BYTES) throw unexpected();
        break;
      }
      const read = parse(held.subarray(0, end));
      held = held.subarray(end + 1);
      if (read.kind === 'end') return read.result;
      if (read.kind === 'progress') progress(read.what, read.part);
      else file = { path: read.path, left: read.bytes, last: read.last };
    }
  }
  throw new GwError('gateway.unreachable', 'The answer of the gateway ended before the pack was whole.', {
    hint: 'Try again; the log of the gateway says why.',
  });
}

function parse(line: Buffer): z.output<typeof frame> {
  try {
    return frame.parse(JSON.parse(line.toString('utf8')));
  } catch {
    throw unexpected();
  }
}

function unexpected(): GwError {
  return new GwError('gateway.unreachable', 'The gateway sent something that is no evidence pack.');
}
