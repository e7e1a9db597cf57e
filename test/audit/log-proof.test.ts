/** Proofs out of a log that is written while they are made. */
import { cpSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkLogProof, proveLeaves } from '../../src/audit/log-proof.js';
import { publicKeyBytes } from '../../src/audit/note-key.js';
import { key, openTrail, session, withDirectory } from './log-world.js';

/** A log of 270 entries as it is on disk, and the same log after it grew a little: then its partial tiles are others. */
async function grown(dir: string): Promise<{ before: string; after: string }> {
  const trail = await openTrail(dir, 0, 'wrk_a');
  for (let number = 1; number <= 67; number++) session(trail, `ses_${number}`, number);
  await trail.close();
  const before = join(dir, '0');
  const after = join(dir, 'after', '0');
  await cp(before, after, { recursive: true });
  const later = await openTrail(join(dir, 'after'), 0, 'wrk_b');
  for (let number = 1; number <= 20; number++) session(later, `later_${number}`, number);
  await later.close();
  return { before, after };
}

it('hold under the checkpoint that they were begun with when the log moved on under the reader', () =>
  withDirectory(async (dir) => {
    const { before, after } = await grown(dir);
    let moved = false;
    const proof = await proveLeaves([before], ({ kind, data }) => {
      if (!moved) {
        moved = true;
        rmSync(before, { recursive: true });
        cpSync(after, before, { recursive: true });
      }
      return kind === 'session.start' && (data['session'] === 'ses_1' || data['session'] === 'ses_67' || data['session'] === 'later_20');
    });
    expect(checkLogProof(proof, [publicKeyBytes(key)]).map(({ data }) => data['session'])).toEqual(['ses_1', 'ses_67']);
  }));

it('are not made out of a log that lost a tile', () =>
  withDirectory(async (dir) => {
    const { after } = await grown(dir);
    rmSync(join(after, 'tile', 'entries', '000'));
    await expect(proveLeaves([after], () => true)).rejects.toMatchObject({ code: 'audit.invalid' });
  }));
