/**
 * The verifier over files that somebody made to hurt it, in a process with a heap of 64 MiB: whatever they claim, it ends with what is wrong, in bounded
 * memory, and never waits.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signCheckpoint } from '../../src/audit/checkpoint.js';
import { encodeBundle } from '../../src/audit/entry-bundle.js';
import { KEY_TYPE, publicKeyBytes, verifierKey } from '../../src/audit/note-key.js';
import { tilePath } from '../../src/audit/tile-layout.js';
import { encodeHeader } from '../../src/recording/segment-layout.js';
import { type Bundled, bundled } from '../support/bundled.js';
import { runProgram } from '../support/run-program.js';
import { buildLogs, key, withDirectory } from './log-world.js';

const HEAP_MB = 64;
/** Node itself takes about 90; the rest are buffers of a few tiles and frames. */
const MEMORY_MB = 260;
const HUGE = 20 * 2 ** 30;

let root: string;
let modules: Bundled;
beforeAll(async () => {
  modules = await bundled('gateway/audit-workbench');
  root = await mkdtemp(join(tmpdir(), 'gw-hostile-'));
});
afterAll(() => Promise.all([rm(root, { recursive: true, force: true }), modules[Symbol.asyncDispose]()]));

/** What the verifier says of a directory: claims, or the code of its error. */
async function verdict(dir: string, ...more: readonly string[]): Promise<string> {
  const keyFile = join(root, 'audit.pub');
  await writeFile(keyFile, `${verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(key))}\n`);
  const program = `
    const { verifyAudit, verifyProof } = await import(${JSON.stringify(modules.url('gateway/audit-workbench'))});
    const [, dir, keyFile, proof] = process.argv;
    let said;
    try {
      if (proof) said = JSON.stringify(await verifyProof(proof, { from: dir, keyFiles: [keyFile] }));
      else said = [...new Set((await verifyAudit({ from: dir, keyFiles: [keyFile], checkpointFiles: [], at: null })).problems.map(({ claim }) => claim))].sort().join();
    } catch (error) { said = error.code ?? String(error); }
    console.log(JSON.stringify({ said, mb: Math.round(process.resourceUsage().maxRSS / 1024) }));`;
  const done = await runProgram(process.execPath, [`--max-old-space-size=${HEAP_MB}`, '--input-type=module', '-e', program, dir, keyFile, ...more]);
  expect(done.stderr).toBe('');
  const { said, mb } = JSON.parse(done.stdout) as { said: string; mb: number };
  expect(mb).toBeLessThan(MEMORY_MB);
  return said;
}

/** Two good logs below `log`, to be hurt. */
function hurt(change: (dir: string) => Promise<void>, expected: string): Promise<void> {
  return withDirectory(async (dir) => {
    await mkdir(join(dir, 'log'));
    await buildLogs(join(dir, 'log'));
    await change(dir);
    expect(await verdict(dir)).toBe(expected);
  });
}

async function put(path: string, bytes: Buffer | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

async function sparse(path: string, size = HUGE): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await (await open(path, 'a')).close();
  await truncate(path, size);
}

const checkpoint = (size: number): string => signCheckpoint({ origin: 'bank/0', size, root: Buffer.alloc(32) }, [key]);
const nested = (depth: number): Buffer =>
  Buffer.from(`{"data":${'['.repeat(depth)}${']'.repeat(depth)},"journal":"j","kind":"k","n":0,"time":"2026-01-01T00:00:00.000Z","v":1}`);

describe('a log', () => {
  it.each([
    ['of 9 · 10^15 entries', Number.MAX_SAFE_INTEGER],
    ['of 4 · 10^9 entries', 4_000_000_000],
  ])('that says it is one %s, with the last bundle in its place, is not counted through', (_, size) =>
    hurt(async (dir) => {
      const log = join(dir, 'log', '0');
      await writeFile(join(log, 'checkpoint'), checkpoint(size));
      const index = Math.floor((size - 1) / 256);
      const width = size - index * 256;
      await put(join(log, tilePath({ level: 'entries', index, width })), encodeBundle(Array.from({ length: width }, () => Buffer.from('{}'))));
    }, 'entry,tile'),
  );

  it.each([
    ['checkpoint', 'log/0/checkpoint', 'signature'],
    ['bundle', 'log/0/tile/entries/000', 'entry,session,tail'],
    ['tile', 'log/0/tile/0/000', 'tile'],
    ['tile above', 'log/0/tile/1/000.p/1', 'tile'],
    ['file without a checkpoint', 'log/0/pending.285.9', 'tail'],
    ['timestamp', 'log/0/timestamp/285.tsr', 'timestamp'],
    ['stamped checkpoint', 'log/0/timestamp/285.checkpoint', 'timestamp'],
    ['statement of a key', 'log/rotation.1', 'signature'],
  ])('with a %s of 20 GiB is not read', (_, path, expected) =>
    hurt(async (dir) => {
      await sparse(join(dir, path));
      if (path.endsWith('285.tsr')) await writeFile(join(dir, 'log/0/timestamp/285.checkpoint'), 'x');
    }, expected),
  );

  it.each(['log/0/checkpoint', 'log/0/tile/0/000', 'log/0/pending.285.9', 'log/0/timestamp/285.checkpoint', 'log/rotation.1'])(
    'with a pipe for %s is not waited for',
    (path) =>
      hurt(
        async (dir) => {
          await rm(join(dir, path), { force: true });
          await mkdir(dirname(join(dir, path)), { recursive: true });
          execFileSync('mkfifo', [join(dir, path)]);
        },
        path.includes('rotation')
          ? 'signature'
          : path.includes('stamp')
            ? 'timestamp'
            : path.includes('pending')
              ? ''
              : path.includes('tile')
                ? 'tile'
                : 'signature',
      ),
  );

  it('whose entries are nested 30,000 deep, or are 65,535 bytes of nothing, is one with entries in no form', () =>
    hurt(async (dir) => {
      const log = join(dir, 'log', '0');
      const leaves = [nested(30_000), Buffer.alloc(65_535, ' '), Buffer.from('"'.repeat(65_535)), Buffer.alloc(0)];
      await writeFile(join(log, 'checkpoint'), checkpoint(4));
      await rm(join(log, 'tile'), { recursive: true });
      await put(join(log, tilePath({ level: 'entries', index: 0, width: 4 })), encodeBundle(leaves));
    }, 'checkpoint,entry,tail,tile'));

  it(
    'with a hundred thousand files that are none of its own, and with directories without end, is told so',
    () =>
      hurt(async (dir) => {
        const tile = join(dir, 'log', '0', 'tile');
        await mkdir(join(tile, Array.from({ length: 200 }, () => 'x000').join('/')), { recursive: true });
        await mkdir(join(tile, 'more'));
        for (let at = 0; at < 100_000; at += 100)
          await Promise.all(Array.from({ length: 100 }, (_, each) => writeFile(join(tile, 'more', `${at + each}`), '')));
      }, 'tile'),
    60_000,
  );

  it('with a note of a million signatures has no checkpoint', () =>
    hurt(async (dir) => {
      await writeFile(join(dir, 'log', '0', 'checkpoint'), `${checkpoint(285)}${'— bank/0 AAAAAAAA\n'.repeat(1_000_000)}`);
    }, 'signature'));
});

describe('a journal', () => {
  const head = encodeHeader({ version: 1, segment: 1, createdAt: 0, previous: Buffer.alloc(32), bootId: 'wrk_x', gateway: 'bank' });
  it.each([
    ['of 20 GiB of zeros', Buffer.alloc(0)],
    ['whose frame claims 4 GiB', Buffer.concat([head, Buffer.from('ffffffff0100', 'hex'), Buffer.alloc(100)])],
    ['whose frame claims 16 MiB and four thousand million entries', Buffer.concat([head, Buffer.from('010000000100000000000000ffffffff', 'hex')])],
  ])('%s does not verify', (_, bytes) =>
    hurt(async (dir) => {
      const file = join(dir, 'journal', 'wrk_x', '000001.gwj');
      await put(file, bytes);
      await sparse(file);
      await sparse(join(dir, 'journal', 'wrk_x', 'lock'));
      await put(join(dir, 'journal', 'wrk_y', '9999999999.gwj'), 'x');
    }, 'journal,segment'),
  );
});

describe('a proof', () => {
  it.each([
    ['of 20 GiB', (file: string) => sparse(file)],
    ['that is nested without end', (file: string) => writeFile(file, '['.repeat(5_000_000))],
    [
      'with a path of a million hashes',
      (file: string) =>
        writeFile(
          file,
          JSON.stringify({
            format: 'gw-proof-1',
            session: 's',
            operation: null,
            checkpoints: {},
            leaves: [{ log: 'bank/0', leaf: '{}', proof: Array.from({ length: 1_000_000 }, () => 'AAAA') }],
            entries: [],
          }),
        ),
    ],
  ])('%s is none', (_, make) =>
    withDirectory(async (dir) => {
      const file = join(dir, 'proof.json');
      await make(file);
      expect(await verdict(dir, file)).toBe('usage.invalid');
    }),
  );
});
