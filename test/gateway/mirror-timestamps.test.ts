/** Copies of logs with timestamps over a connection that is only trusted to bring bytes: they verify as the log does, and answers of all kinds do no harm. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLeaf } from '../../src/audit/audit-leaf.js';
import type { AuditTrail } from '../../src/audit/audit-trail.js';
import { logState, pruneLog } from '../../src/audit/index.js';
import { timestampPost } from '../../src/audit/timestamp/timestamp-post.js';
import { readCertificates } from '../../src/audit/timestamp/timestamp-signature.js';
import { systemClock } from '../../src/base/clock.js';
import { GwError } from '../../src/contract/gw-error.js';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { mirrorLogs } from '../../src/gateway/mirror-logs.js';
import type { RemoteLogs } from '../../src/gateway/remote-logs.js';
import { claims, forge, leavesOf, openTrail, session, verify, withDirectory } from '../audit/log-world.js';
import { eventually } from '../store/state-server.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';

const FIXTURE = join(import.meta.dirname, '..', 'formats', 'log-v1');

let authority: TimestampAuthority;
beforeAll(async () => {
  authority = await startTimestampAuthority();
});
afterAll(() => authority[Symbol.asyncDispose]());

/** A process that has two checkpoints timestamped, and then has a session. */
async function life(gateway: string, journal: string, act: (trail: AuditTrail) => void = () => undefined): Promise<void> {
  const roots = readCertificates(authority.ca, 'the test');
  const settings = { roots, ask: timestampPost(authority.url, null), everyMs: 1, retryMs: 20 };
  const before = (await stampsOf(gateway)).length;
  const trail = await openTrail(join(gateway, 'log'), 0, journal, systemClock, settings);
  await eventually('it is stamped', async () => (await stampsOf(gateway)).length > before + 3);
  session(trail, `ses_${journal}`, 1, 300);
  act(trail);
  await trail.close();
}

async function stampsOf(dir: string): Promise<string[]> {
  const timestamps = join(dir, 'log', '0', 'timestamp');
  return existsSync(timestamps) ? (await readdir(timestamps)).sort() : [];
}

const options = () => ({ authorities: readCertificates(authority.ca, 'the test'), at: Date.now() });
const problemsOf = async (dir: string) => (await verify(join(dir, 'log'), options())).problems;

/** The gateway's files, as `answer` changes them; what was asked for is in `asked`. */
function remoteOf(gateway: string, answer: (path: string, limit: number) => Promise<Buffer | null> | undefined = () => undefined) {
  const reader = createAuditReader(gateway);
  const asked: string[] = [];
  const remote: RemoteLogs = {
    list: () => reader.list(),
    file: async (path, limit) => {
      asked.push(path);
      const changed = answer(path, limit);
      return changed === undefined ? reader.file(path) : changed;
    },
  };
  return { remote, asked, timestamps: () => asked.filter((path) => path.includes('timestamp')) };
}

/** A copy as versions made it that knew no timestamps. */
async function makeEarlier(copy: string): Promise<void> {
  await rm(join(copy, 'log', '0', 'timestamp'), { recursive: true });
  await rm(join(copy, 'log', '0', 'timestamps-copied'));
}

describe('a copy of a log with timestamps', () => {
  it('verifies by itself, and asks for each timestamp once', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      expect(await mirrorLogs(remoteOf(gateway).remote, copy)).toMatchObject([{ log: 'bank/0', missing: [] }]);
      expect(await problemsOf(copy)).toEqual([]);
      expect(await stampsOf(copy)).toEqual(await stampsOf(gateway));
      await life(gateway, 'wrk_b');
      const again = remoteOf(gateway);
      await mirrorLogs(again.remote, copy);
      expect(await problemsOf(copy)).toEqual([]);
      expect(await stampsOf(copy)).toEqual(await stampsOf(gateway));
      expect(again.timestamps().length).toBeGreaterThan(0);
      const idle = remoteOf(gateway);
      await mirrorLogs(idle.remote, copy);
      expect(idle.timestamps()).toEqual([]);
    }));

  it('of the committed format verifies as the original does', () =>
    withDirectory(async (dir) => {
      await mirrorLogs(createAuditReader(join(FIXTURE, 'data')), dir);
      const given = { keyFiles: [join(FIXTURE, 'audit.pub')], checkpointFiles: [], authorityFiles: [join(FIXTURE, 'authority.pem')] };
      const verified = await verifyAudit({ ...given, from: dir, at: Date.parse('2026-11-24T00:00:00Z') });
      expect(verified.problems).toEqual([]);
      expect(verified.logs.map(({ timestamps }) => timestamps)).toEqual([1, 0]);
      const absent = verifyAudit({ ...given, keyFiles: [join(dir, 'absent.pub')], from: dir, at: null });
      await expect(absent).rejects.toMatchObject({
        code: 'usage.invalid',
        message: expect.stringMatching(/^The key file .*absent\.pub cannot be read: there is no such file/),
      });
    }));

  it('that an earlier version made gets the timestamps that it lacks, also when it is cut off meanwhile', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      await mirrorLogs(remoteOf(gateway).remote, copy);
      await makeEarlier(copy);
      expect(await claims(join(copy, 'log'), options())).toEqual(['timestamp']);
      let budget = 3;
      const cut = remoteOf(gateway, (path) => (path.includes('timestamp') && budget-- <= 0 ? Promise.reject(new TypeError('cut off')) : undefined));
      await expect(mirrorLogs(cut.remote, copy)).rejects.toThrow('cut off');
      expect(await stampsOf(copy)).toHaveLength(2);
      await mirrorLogs(remoteOf(gateway).remote, copy);
      expect(await problemsOf(copy)).toEqual([]);
      expect(await stampsOf(copy)).toEqual(await stampsOf(gateway));
    }));

  it('goes on without those that a gateway does not give, names them, and gets them later', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      const sizes = [...new Set((await stampsOf(gateway)).map((name) => Number.parseInt(name, 10)))].sort((a, b) => a - b);
      // An earlier version of the gateway has no such files in its API.
      const older = remoteOf(gateway, (path) =>
        path.includes('timestamp') ? Promise.reject(new GwError('usage.invalid', 'must be a file of a log')) : undefined,
      );
      expect(await mirrorLogs(older.remote, copy)).toMatchObject([{ missing: sizes }]);
      const half = remoteOf(gateway, (path) => (path.endsWith('.tsr') ? Promise.resolve(null) : undefined));
      expect(await mirrorLogs(half.remote, copy)).toMatchObject([{ added: 0, missing: sizes }]);
      expect(await stampsOf(copy)).toEqual([]);
      expect(await mirrorLogs(remoteOf(gateway).remote, copy)).toMatchObject([{ added: 0, missing: [] }]);
      expect(await problemsOf(copy)).toEqual([]);
    }));

  it('of a pruned log asks for those alone that are kept; one that was whole before gives up waiting for the others', () =>
    withDirectory(async (dir) => {
      const [gateway, fresh, whole] = [join(dir, 'gateway'), join(dir, 'fresh'), join(dir, 'whole')];
      await life(gateway, 'wrk_a');
      const [old] = await stampsOf(gateway);
      await life(gateway, 'wrk_b');
      await mirrorLogs(remoteOf(gateway).remote, whole);
      await makeEarlier(whole);
      const first = (await entriesOf(gateway)).findLast(({ kind }) => kind === 'log.open')?.n ?? 0;
      await prunedUpTo(gateway, first);
      expect(await stampsOf(gateway)).not.toContain(old);
      const asking = remoteOf(gateway);
      expect(await mirrorLogs(asking.remote, fresh)).toMatchObject([{ missing: [] }]);
      // It was pruned before its time, which the verifier says, and nothing else.
      expect(await claims(join(fresh, 'log'), options())).toEqual(['retention']);
      expect(asking.timestamps().length).toBeGreaterThan(0);
      expect(
        asking
          .timestamps()
          .map(sizeOf)
          .filter((size) => size < first),
      ).toEqual([]);
      const [behind] = await mirrorLogs(remoteOf(gateway).remote, whole);
      expect(behind?.missing).toContain(Number.parseInt(old as string, 10));
      expect(behind?.missing.filter((size) => size >= first)).toEqual([]);
      const later = remoteOf(gateway);
      await mirrorLogs(later.remote, whole);
      expect(later.timestamps(), 'they never come back').toEqual([]);
    }));
});

async function entriesOf(gateway: string): Promise<AuditLeaf[]> {
  return leavesOf(join(gateway, 'log', '0'), (await logState(join(gateway, 'log', '0')))?.size ?? 0);
}

const sizeOf = (path: string): number => Number(/(\d+)\.\w+$/.exec(path)?.[1]);

/** The gateway gives up what is before `first`, says so, and is closed. */
async function prunedUpTo(gateway: string, first: number): Promise<void> {
  const trail = await openTrail(join(gateway, 'log'), 0, 'wrk_p', systemClock);
  const n = await trail.announcePruning({ first, keepMs: 1, knownTime: new Date().toISOString(), holds: [] });
  await pruneLog(join(gateway, 'log', '0'), n);
  await trail.close();
}

describe('a hostile gateway', () => {
  it('cannot make the copy ask for, or write, anything but timestamps of sizes that the log had', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'in', 'copy')];
      await life(gateway, 'wrk_a');
      const leaves = await entriesOf(gateway);
      const sizes = ['../../../../../outside', '..', '', -1, 1.5, 1e300, 301, 300, null, true, {}, [], '5', 7, 2 ** 53, '0x10', ' 3', 0];
      const told = leaves.find(({ kind }) => kind === 'log.timestamp');
      const lies = sizes.map((size) => ({ ...(told as AuditLeaf), data: { ...told?.data, size } }));
      const beginning = leaves.filter(({ kind }) => kind !== 'log.timestamp').slice(0, 20);
      await forge(join(gateway, 'log', '0'), [...beginning, ...lies]);
      const bytes = Buffer.from('anything');
      const { remote, timestamps } = remoteOf(gateway, (path) => (path.includes('timestamp') ? Promise.resolve(bytes) : undefined));
      await mirrorLogs(remote, copy);
      // What the verifier takes for a number is one here, too.
      const names = [0, 1, 16, 3, 5, 7].flatMap((size) => [`${size}.checkpoint`, `${size}.tsr`]);
      expect(timestamps().toSorted()).toEqual(names.map((name) => `0/timestamp/${name}`));
      expect(await stampsOf(copy)).toEqual(names);
      expect([await readdir(dir), await readdir(dirname(copy)), await readdir(copy)]).toEqual([['gateway', 'in'], ['copy'], ['log']]);
      expect(await claims(join(copy, 'log'), options())).toContain('timestamp');
    }));

  it('cannot make it write a file that is larger than one can be', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      for (const end of ['.tsr', '.checkpoint']) {
        const { remote } = remoteOf(gateway, (path, limit) =>
          path.includes('timestamp') && path.endsWith(end) ? Promise.resolve(Buffer.alloc(limit + 1)) : undefined,
        );
        await expect(mirrorLogs(remote, copy)).rejects.toMatchObject({ code: 'audit.invalid' });
        expect(await stampsOf(copy)).toEqual([]);
        expect(existsSync(join(copy, 'log', '0', 'checkpoint'))).toBe(false);
      }
      const { remote } = remoteOf(gateway, (path, limit) => (path.includes('/entries/') ? Promise.resolve(Buffer.alloc(limit + 1)) : undefined));
      await expect(mirrorLogs(remote, copy)).rejects.toMatchObject({ code: 'audit.invalid' });
    }));

  it('whose entries cannot be read is copied all the same, for the verifier to see', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      const { remote } = remoteOf(gateway, (path) => (path.includes('/entries/000') ? Promise.resolve(Buffer.from('no bundle')) : undefined));
      await mirrorLogs(remote, copy);
      expect(await claims(join(copy, 'log'), options())).toContain('entry');
    }));

  it('does not change what the copy has', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await life(gateway, 'wrk_a');
      await mirrorLogs(remoteOf(gateway).remote, copy);
      await cp(copy, join(dir, 'before'), { recursive: true });
      // The copy reads all of itself again, as after an update.
      await rm(join(copy, 'log', '0', 'timestamps-copied'));
      const { remote, timestamps } = remoteOf(gateway, (path) => (path.includes('timestamp') ? Promise.resolve(Buffer.from('other')) : undefined));
      await mirrorLogs(remote, copy);
      expect(timestamps()).toEqual([]);
      for (const name of await stampsOf(copy))
        expect(await readFile(join(copy, 'log', '0', 'timestamp', name))).toEqual(await readFile(join(dir, 'before', 'log', '0', 'timestamp', name)));
    }));

  it.each(['-1', '1e9', 'x', '', '99999999999999999999', '0x3'])('a note of how far the copy is that says %j hides nothing', (text) =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await mkdir(join(copy, 'log', '0'), { recursive: true });
      await writeFile(join(copy, 'log', '0', 'timestamps-copied'), text);
      await life(gateway, 'wrk_a');
      await mirrorLogs(remoteOf(gateway).remote, copy);
      expect(await problemsOf(copy)).toEqual([]);
    }),
  );
});
