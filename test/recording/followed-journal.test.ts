/** A journal that is read while it is written: its reader comes to the end of one segment just when the next one is made. */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readEvents } from '../../src/recording/read-events.js';
import { end, keys, open, start, withDirectory } from './session-fixture.js';

it.each([
  ['has no header yet', 0],
  ['has a part of its header', 20],
])('the next segment %s: the reader waits for it, and misses nothing', (_what, size) =>
  withDirectory(async (dir) => {
    const journal = await open(dir, { bootId: 'wrk_a' });
    const session = (id: string): void => {
      journal.begin(start(id)).end(end);
      journal.commit();
    };
    session('ses_1');
    journal.roll();
    session('ses_2');
    const next = join(dir, 'wrk_a', '000002.gwj');
    const whole = await readFile(next);
    await truncate(next, size);
    let waits = 0;
    const more = async (): Promise<boolean> => {
      if (++waits > 3) return false;
      if (waits === 2) await writeFile(next, whole);
      return true;
    };
    const seen: string[] = [];
    for await (const event of readEvents({ dir, bootId: 'wrk_a', live: true, keys, more })) if (event.kind === 'start') seen.push(event.start.session);
    expect(seen).toEqual(['ses_1', 'ses_2']);
    await journal.close();
  }),
);
