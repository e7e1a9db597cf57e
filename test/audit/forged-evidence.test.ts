/**
 * Nothing forged: thousands of random changes to the whole evidence of a gateway, of every class that somebody with the disk, or with the key too, can
 * make, and each is found for a right reason. GW_MUTATION_SEED repeats a run; GW_MUTATIONS asks for more.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../support/kill/seeded-random.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';
import { EvidenceFiles } from './evidence-files.js';
import { buildForgedWorld, type ForgedWorld } from './forged-world.js';
import { MUTATIONS } from './mutations.js';

const SEED = Number(process.env['GW_MUTATION_SEED'] ?? 20_261_126);
const COUNT = Number(process.env['GW_MUTATIONS'] ?? 2_100);
/** Copies of the evidence that are changed at the same time: while one waits for the file system, the processor has the others. */
const COPIES = 4;

let root: string;
let authority: TimestampAuthority;
let world: ForgedWorld;
let copies: EvidenceFiles[];

beforeAll(async () => {
  root = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gw-forged-'));
  authority = await startTimestampAuthority();
  world = await buildForgedWorld(root, authority);
  const files = await EvidenceFiles.read(world.dir, world.earlier);
  copies = await Promise.all(Array.from({ length: COPIES }, (_, at) => files.copyTo(join(root, `copy-${at}`))));
});
afterAll(async () => {
  await authority?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

describe('evidence of a gateway', () => {
  it('that nobody touched verifies, alone and with what outsiders kept', async () => {
    for (const dir of [world.dir, ...copies.map((copy) => copy.dir)]) {
      expect(await world.claims(dir, false)).toEqual([]);
      expect(await world.claims(dir, true)).toEqual([]);
    }
  });

  it(`shows each of ${COUNT} changes, for a right reason (GW_MUTATION_SEED=${SEED})`, async () => {
    const missed: string[] = [];
    const counts: Record<string, number> = {};
    const kinds = Object.keys(MUTATIONS);
    let next = 0;
    const work = async (files: EvidenceFiles): Promise<void> => {
      for (let at = next++; at < COUNT; at = next++) {
        // Whichever copy it comes to, a number is one change, and can be made alone.
        const random = new SeededRandom(SEED + at);
        // Every class comes, the ones that are cheap and broad more often.
        const kind = at < kinds.length * 20 ? (kinds[at % kinds.length] as string) : random.pick(kinds.slice(0, 13));
        counts[kind] = (counts[kind] ?? 0) + 1;
        const mutation = MUTATIONS[kind];
        if (mutation === undefined) continue;
        const { what, kept, alone } = await mutation(files, random);
        for (const [claims, found] of [
          [kept, await world.claims(files.dir, true)],
          ...(alone.length === 0 ? [] : ([[alone, await world.claims(files.dir, false)]] as const)),
        ] as const) {
          if (!found.some((claim) => claims.includes(claim)))
            missed.push(`${at} ${kind}: ${what}: ${claims.join('|')} expected, ${found.join() || 'nothing'} found`);
        }
        await files.reset();
      }
    };
    await Promise.all(copies.map(work));
    expect(missed).toEqual([]);
    for (const { dir } of copies) expect(await world.claims(dir, true)).toEqual([]);
    for (const kind of kinds) expect(counts[kind], kind).toBeGreaterThanOrEqual(20);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(2_000);
  }, 600_000);
});
