/**
 * The specifications are enough: a verifier written from them alone, in Python with its standard library and openssl, agrees with gw's about the evidence of
 * a gateway, whole and changed. And the evidence that this version wrote, committed once, verifies for ever.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { SeededRandom } from '../support/kill/seeded-random.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';
import { EvidenceFiles } from './evidence-files.js';
import { buildForgedWorld, type ForgedWorld } from './forged-world.js';
import { MUTATIONS } from './mutations.js';
import { otherVerifier } from './other-verifier.js';

const FORMATS = join(import.meta.dirname, '..', 'formats');
const FIXTURE = join(FORMATS, 'log-v1');

let root: string;
let authority: TimestampAuthority;
let world: ForgedWorld;

beforeAll(async () => {
  root = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gw-spec-'));
  authority = await startTimestampAuthority();
  world = await buildForgedWorld(root, authority);
});
afterAll(async () => {
  await authority?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function kept(): Promise<string[]> {
  const state = join(root, 'witness');
  return (await readdir(state)).filter((name) => name.endsWith('.checkpoint')).map((name) => join(state, name));
}

describe('a verifier written from the specifications', () => {
  it('finds nothing wrong with what nobody touched', async () => {
    const { claims, text } = await otherVerifier(world.dir, join(root, 'audit.pub'), await kept());
    expect(claims).toEqual([]);
    expect(text).toMatch(/^2 logs, 33 sessions, \d+ segments, 3 journals\n$/);
  });

  it('finds what gw finds, for a reason that gw has too', async () => {
    const files = await EvidenceFiles.read(world.dir, world.earlier);
    const random = new SeededRandom(7);
    const missed: string[] = [];
    // It looks at neither timestamps nor what audit events say.
    const kinds = Object.keys(MUTATIONS).filter((kind) => kind !== 'owner exchanges approvals');
    for (const kind of kinds) {
      const { what, kept: expected } = (await MUTATIONS[kind]?.(files, random)) ?? { what: kind, kept: [] as readonly string[] };
      if (!what.includes('/timestamp/')) {
        const found = await otherVerifier(world.dir, join(root, 'audit.pub'), await kept()).catch((thrown: unknown) => ({
          claims: [`crash ${String(thrown)}`],
        }));
        if (!found.claims.some((claim) => expected.includes(claim)))
          missed.push(`${kind}: ${what}: ${expected.join('|')} expected, ${found.claims.join()} found`);
      }
      await files.reset();
    }
    expect(missed).toEqual([]);
  }, 240_000);
});

describe('what does not belong to a log', () => {
  it.each(['tile/0/stray', 'tile/0/x000/000', 'tile/entries/000.p/0'])('%s is found by both', async (path) => {
    const from = await mkdtemp(join(root, 'stray-'));
    await cp(join(FIXTURE, 'data'), from, { recursive: true });
    const file = join(from, 'log', '0', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.alloc(8_192));
    const report = await verifyAudit({ from, keyFiles: [join(FIXTURE, 'audit.pub')], checkpointFiles: [], at: null });
    expect([...new Set(report.problems.map(({ claim }) => claim))]).toEqual(['tile']);
    expect((await otherVerifier(from, join(FIXTURE, 'audit.pub'))).claims).toEqual(['tile']);
  });
});

describe('evidence that the first version of the log wrote', () => {
  it('verifies, by gw and by the other verifier', async () => {
    const from = join(root, 'fixture');
    await cp(FIXTURE, from, { recursive: true });
    const [keys, checkpoint, authorityFile] = ['audit.pub', 'kept.checkpoint', 'authority.pem'].map((name) => join(FIXTURE, name)) as [string, string, string];
    const report = await verifyAudit({ from: join(from, 'data'), keyFiles: [keys], checkpointFiles: [checkpoint], authorityFiles: [authorityFile], at: null });
    expect(report).toMatchObject({ intact: true, problems: [], sessions: 33, journals: 3, logs: [{ log: 'bank/0', timestamps: 1 }, { log: 'bank/1' }] });
    expect((await otherVerifier(join(from, 'data'), keys, [checkpoint])).claims).toEqual([]);
  });

  it('finds the committed evidence of a log that was pruned whole, and not without the word that it was', async () => {
    const from = join(root, 'pruned');
    await cp(join(FORMATS, 'log-pruned-v1'), from, { recursive: true });
    const [keys, checkpoint, data] = ['audit.pub', 'kept.checkpoint', 'data'].map((name) => join(from, name)) as [string, string, string];
    const report = await verifyAudit({ from: data, keyFiles: [keys], checkpointFiles: [checkpoint], at: null });
    expect(report).toMatchObject({ intact: true, problems: [], sessions: 1, journals: 2, logs: [{ log: 'bank/0', first: 566 }] });
    expect((await otherVerifier(data, keys, [checkpoint])).claims).toEqual([]);
    await rm(join(data, 'log', '0', 'pruned'));
    const unsaid = await verifyAudit({ from: data, keyFiles: [keys], checkpointFiles: [], at: null });
    expect(unsaid.problems.map(({ claim }) => claim)).toContain('entry');
    expect((await otherVerifier(data, keys, [])).claims).toContain('entry');
  });
});
