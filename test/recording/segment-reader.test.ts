/** A reader begins with a small buffer and takes larger ones as it goes on: whatever the frames are like, it gives what was written. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyJournal } from '../../src/recording/index.js';
import { segmentName } from '../../src/recording/journal-directory.js';
import { SegmentReader } from '../../src/recording/segment-reader.js';
import { allow, collect, end, facts, ok, open, operations, start, withDirectory } from './session-fixture.js';

const KIB = 1024;

describe('a segment', () => {
  it.each([
    ['of small frames', Array.from({ length: 3_000 }, (_, at) => 100 + (at % 500))],
    ['of frames about as large as a buffer', [16, 15, 16, 17, 63, 64, 65, 255, 256, 257, 16, 1].map((size) => size * KIB - 100)],
    ['of large frames between small ones', Array.from({ length: 60 }, (_, at) => (at % 10 === 9 ? 700 * KIB : 300 * (at + 1)))],
  ])('%s is read as it was written', (_name, sizes) =>
    withDirectory(async (dir) => {
      const journal = await open(dir, { bootId: 'w', segmentBytes: 64 * KIB * KIB });
      const writer = journal.begin(start('ses_1'));
      const texts = sizes.map((size, at) => `${at} `.padEnd(size, String.fromCharCode(97 + (at % 26))));
      for (const [at, text] of texts.entries()) {
        writer.operation(at + 1, 'query', facts('reads'), allow, Buffer.from(text), null);
        writer.outcome(at + 1, ok);
        journal.commit();
      }
      writer.end(end);
      journal.commit();
      await journal.close();
      const { intact, workers } = await verifyJournal(dir);
      expect(intact).toBe(true);
      expect(workers[0]?.segments).toHaveLength(1);
      const found = operations(await collect(dir, 'w', 'ses_1')).map(({ exact }) => exact.toString());
      expect(found.length).toBe(texts.length);
      expect(found.every((text, at) => text === texts[at])).toBe(true);
      const reader = await SegmentReader.open(join(dir, 'w', segmentName(1)));
      if (typeof reader === 'string') throw new TypeError(reader);
      await using segment = reader;
      const kinds: string[] = [];
      for (let kind = ''; kind !== 'end'; kinds.push(kind)) ({ kind } = await segment.next());
      expect(kinds.slice(-2)).toEqual(['seal', 'end']);
      expect(kinds.filter((kind) => kind === 'frame')).toHaveLength(texts.length + 1);
    }),
  );
});
