/** The verifier over real log directories: everything whole verifies, and each way of changing it is found and named by the claim that fails. */
import { cpSync, rmSync } from 'node:fs';
import { cp, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLeaf } from '../../src/audit/audit-leaf.js';
import { type Checkpoint, parseCheckpoint } from '../../src/audit/checkpoint.js';
import { newSigningKey, publicKeyBytes, readSigningKey } from '../../src/audit/note-key.js';
import { verifyLog } from '../../src/audit/verify-log.js';
import { buildLogs, claims, forge, key, leavesOf, openTrail, START, session, verify, withDirectory } from './log-world.js';

let original: string;
let finish: () => void;
let done: Promise<void>;

beforeAll(async () => {
  await new Promise<void>((ready) => {
    done = withDirectory(async (dir) => {
      await buildLogs(dir);
      original = dir;
      await new Promise<void>((resolve) => {
        finish = resolve;
        ready();
      });
    });
  });
});
afterAll(() => {
  finish();
  return done;
});

/** A copy of the logs to damage. */
function copy(run: (dir: string) => Promise<void>): Promise<void> {
  return withDirectory(async (dir) => {
    await cp(original, dir, { recursive: true });
    await run(dir);
  });
}

async function files(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function checkpointOf(directory: string): Promise<Checkpoint> {
  const parsed = parseCheckpoint(await readFile(join(directory, 'checkpoint')));
  if (parsed === null) throw new Error('no checkpoint');
  return parsed.checkpoint;
}

/** Log 0 with other leaves, signed with the right key. */
async function forged(dir: string, change: (leaves: AuditLeaf[]) => AuditLeaf[], renumber = true): Promise<void> {
  const directory = join(dir, '0');
  const leaves = await leavesOf(directory, (await checkpointOf(directory)).size);
  await forge(directory, change(leaves), undefined, renumber);
}

describe('logs that nobody touched', () => {
  it('verify, from files and the public key alone', async () => {
    const report = await verify(original);
    expect(report.problems).toEqual([]);
    expect(report.book.sessions).toBe(71);
    expect(report.logs.map(({ log, size }) => `${log} ${size}`)).toEqual(['bank/0 285', 'bank/1 7']);
  });

  it('hold no sensitive value, only the names of such fields', async () => {
    const text = (await Promise.all((await files(original)).map((file) => readFile(file, 'latin1')))).join('');
    expect(text).toContain('"apart":["name","reason"]');
    for (const secret of ['Alice A', '"why"', 'left']) expect(text).not.toContain(secret);
  });
});

describe('every bit of every file', () => {
  it(
    'counts: flipped, it is found',
    () =>
      copy(async (dir) => {
        const missed: string[] = [];
        for (const file of await files(dir)) {
          const bytes = await readFile(file);
          // Every byte of small files, and 60 places of large ones, spread over them and over the bits.
          const step = bytes.length < 400 ? 1 : Math.ceil(bytes.length / 60);
          for (let at = 0; at < bytes.length; at += step) {
            const changed = Buffer.from(bytes);
            changed[at] = (bytes[at] as number) ^ (1 << (at % 8));
            await writeFile(file, changed);
            if ((await claims(dir)).length === 0) missed.push(`${file}:${at}`);
          }
          await writeFile(file, bytes);
        }
        expect(missed).toEqual([]);
        expect(await claims(dir)).toEqual([]);
      }),
    240_000,
  );

  it('no file can be cut, lengthened, emptied or removed', () =>
    copy(async (dir) => {
      const missed: string[] = [];
      for (const file of await files(dir)) {
        const bytes = await readFile(file);
        for (const changed of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(10)]), Buffer.alloc(0), null]) {
          if (changed === null) await unlink(file);
          else await writeFile(file, changed);
          if ((await claims(dir)).length === 0) missed.push(`${file} ${changed?.length}`);
          await writeFile(file, bytes);
        }
      }
      expect(missed).toEqual([]);
    }));

  it('and a file that does not belong to the log is named', () =>
    copy(async (dir) => {
      await writeFile(join(dir, '0', 'tile', '0', '007'), 'x');
      expect(await claims(dir)).toEqual([]);
      await writeFile(join(dir, '0', 'tile', '0', 'note.txt'), 'x');
      expect(await claims(dir)).toEqual(['tile']);
    }));
});

describe('whoever has the disk and no key', () => {
  it('cannot sign: a log signed by another key, or with signatures of another log, fails the signature or the place', () =>
    copy(async (dir) => {
      const directory = join(dir, '0');
      const leaves = await leavesOf(directory, (await checkpointOf(directory)).size);
      await forge(directory, leaves, readSigningKey(newSigningKey(), 'A stranger'));
      expect(await claims(dir)).toEqual(['signature']);
      await rm(join(dir, '0'), { recursive: true });
      await rename(join(dir, '1'), join(dir, '0'));
      expect(await claims(dir)).toEqual(['log']);
    }));

  it('cannot take a log away, or show one twice: another log speaks of it', () =>
    copy(async (dir) => {
      await cp(join(dir, '1'), join(dir, '2'), { recursive: true });
      expect(await claims(dir)).toContain('fork');
      await rm(join(dir, '2'), { recursive: true });
      await rm(join(dir, '1'), { recursive: true });
      expect(await claims(dir)).toEqual(['log']);
    }));

  it('cannot put an old state back: it has no end, or others saw more', () =>
    withDirectory(async (dir) => {
      const trail = await openTrail(dir, 0, 'wrk_a');
      session(trail, 'ses_1', 1);
      await trail.synced();
      const open = await openTrail(dir, 1, 'wrk_b');
      await open.close();
      await trail.close();
      const closed = await checkpointOf(join(dir, '0'));
      const again = await openTrail(dir, 0, 'wrk_c');
      await cp(join(dir, '0'), join(dir, 'old'), { recursive: true });
      session(again, 'ses_2', 1);
      await again.close();
      const last = await checkpointOf(join(dir, '0'));
      expect(await claims(dir, { known: [closed, last] })).toEqual([]);
      await rm(join(dir, '0'), { recursive: true });
      await rename(join(dir, 'old'), join(dir, '0'));
      expect(await claims(dir)).toEqual(['tail']);
      expect(await claims(dir, { known: [last], at: START })).toEqual(['fork']);
    }));
});

describe('whoever has the key too', () => {
  const isOf = (id: string) => (leaf: AuditLeaf) => leaf.data['session'] === id;
  const cases: Record<string, { change: (leaves: AuditLeaf[]) => AuditLeaf[]; claim: string; renumber?: boolean }> = {
    'drops a whole session': { change: (leaves) => leaves.filter((leaf) => !isOf('ses_a7')(leaf)), claim: 'session' },
    'drops the last session': { change: (leaves) => leaves.filter((leaf) => !isOf('ses_a70')(leaf)), claim: 'session' },
    'drops the end of a session': { change: (leaves) => leaves.filter((leaf) => !(isOf('ses_a7')(leaf) && leaf.kind === 'session.end')), claim: 'session' },
    'drops one refusal': { change: (leaves) => leaves.filter((leaf) => !(isOf('ses_a7')(leaf) && leaf.data['operation'] === 1)), claim: 'session' },
    'tells a refusal twice': {
      change: (leaves) => leaves.flatMap((leaf) => (isOf('ses_a7')(leaf) && leaf.data['operation'] === 1 ? [leaf, leaf] : [leaf])),
      claim: 'session',
    },
    'drops a segment': { change: (leaves) => leaves.filter((leaf) => leaf.data['segment'] !== 1), claim: 'segment' },
    'drops the last segment': { change: (leaves) => leaves.filter((leaf) => leaf.data['segment'] !== 2), claim: 'segment' },
    'changes the places of two entries': { change: ([a, b, c, ...rest]) => [a, c, b, ...rest] as AuditLeaf[], claim: 'order', renumber: false },
    'dates an entry back': {
      change: (leaves) => leaves.map((leaf) => (isOf('ses_a7')(leaf) ? { ...leaf, time: '2026-02-01T00:00:00.000Z' } : leaf)),
      claim: 'order',
    },
    'cuts the tail': { change: (leaves) => leaves.slice(0, -1), claim: 'tail' },
    'goes on after the end': { change: (leaves) => [...leaves, ...leaves.slice(1, 2)], claim: 'tail' },
  };
  for (const [what, { change, claim, renumber }] of Object.entries(cases)) {
    it(`${what}: ${claim}`, () =>
      copy(async (dir) => {
        await forged(dir, change, renumber);
        expect(await claims(dir)).toContain(claim);
      }));
  }

  it('forks the log in a way that adds up: found by the checkpoint that somebody kept, and by a log that saw it', () =>
    copy(async (dir) => {
      const known = [await checkpointOf(join(dir, '0')), await checkpointOf(join(dir, '1'))];
      const change = (leaf: AuditLeaf): AuditLeaf => (leaf.kind === 'operation.deny' ? { ...leaf, data: { ...leaf.data, rule: 'other' } } : leaf);
      await forged(dir, (leaves) => leaves.map(change));
      expect(await claims(dir)).toEqual([]);
      expect(await claims(dir, { known })).toEqual(['fork']);
      const directory = join(dir, '1');
      await forge(directory, (await leavesOf(directory, 7)).map(change));
      expect(await claims(dir)).toEqual(['fork']);
    }));
});

describe('a log whose process died', () => {
  it('verifies up to what was committed while it may live, and has lost its tail when it had to speak', () =>
    withDirectory(async (dir) => {
      const trail = await openTrail(dir, 0, 'wrk_a');
      session(trail, 'ses_1', 1, 300);
      trail.commit();
      await cp(join(dir, '0'), join(dir, 'died'), { recursive: true });
      await trail.close();
      await rm(join(dir, '0'), { recursive: true });
      await rename(join(dir, 'died'), join(dir, '0'));
      const report = await verify(dir, { at: START });
      expect(report.problems).toEqual([]);
      expect(report.logs[0]).toMatchObject({ size: 0, pending: 303 });
      expect(await claims(dir)).toEqual(['tail']);
      const pending = (await readdir(join(dir, '0'))).filter((name) => name.startsWith('pending'));
      const file = join(dir, '0', pending[0] as string);
      const bytes = await readFile(file);
      bytes[40] = (bytes[40] as number) ^ 1;
      await writeFile(file, bytes);
      expect(await claims(dir, { at: START })).toEqual(['tail']);
      expect((await stat(file)).size).toBe(bytes.length);
    }));
});

describe('a log that is written while it is verified', () => {
  it('is told with the entries that had no checkpoint when it was looked at, also when they got one meanwhile', () =>
    withDirectory(async (dir) => {
      await (await openTrail(dir, 0, 'wrk_a')).close();
      const trail = await openTrail(dir, 0, 'wrk_b');
      session(trail, 'ses_b1', 1);
      trail.commit();
      const [log, seen] = [join(dir, '0'), join(dir, 'seen')];
      await cp(log, seen, { recursive: true });
      await trail.close();
      const kinds: string[] = [];
      const onLeaf = (_log: string, { kind }: AuditLeaf): void => {
        // It is signed, and its files are dropped, as soon as the first entry was read.
        if (kinds.push(kind) > 1) return;
        rmSync(seen, { recursive: true });
        cpSync(log, seen, { recursive: true });
      };
      const { problems } = await verifyLog(seen, { keys: [publicKeyBytes(key)], known: [], at: START, onLeaf });
      expect(problems).toEqual([]);
      expect(kinds).toEqual(expect.arrayContaining(['session.start', 'session.end']));
    }));
});
