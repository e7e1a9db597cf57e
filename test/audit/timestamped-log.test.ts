/**
 * A log whose checkpoints a real authority stamps: what is kept, what the verifier says of every change, and that an authority which is down, late or
 * wrong holds nothing up and is seen.
 */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLeaf } from '../../src/audit/audit-leaf.js';
import type { AuditTrail } from '../../src/audit/audit-trail.js';
import { timestampPost } from '../../src/audit/timestamp/timestamp-post.js';
import { timestampRequest } from '../../src/audit/timestamp/timestamp-request.js';
import { readCertificates } from '../../src/audit/timestamp/timestamp-signature.js';
import type { TimestampSettings } from '../../src/audit/timestamp/timestamper.js';
import { systemClock } from '../../src/base/clock.js';
import { eventually } from '../store/state-server.js';
import { runProgram } from '../support/run-program.js';
import { startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';
import { claims, forge, leavesOf, openTrail, session, verify, withDirectory } from './log-world.js';

let authority: TimestampAuthority;
beforeAll(async () => {
  authority = await startTimestampAuthority();
});
afterAll(() => authority[Symbol.asyncDispose]());

const settings = (more: Partial<TimestampSettings> = {}): TimestampSettings => ({
  roots: readCertificates(authority.ca, 'the test'),
  ask: timestampPost(authority.url, null),
  everyMs: 86_400_000,
  retryMs: 20,
  ...more,
});
const authorities = () => readCertificates(authority.ca, 'the test');
const now = () => ({ authorities: authorities(), at: Date.now() });
const stamped = (trail: AuditTrail) => eventually('it is stamped', () => (trail.timestamps?.last ?? 0) > 0);
const stamps = async (dir: string): Promise<string[]> => (await readdir(join(dir, '0', 'timestamp'))).sort();

/** One log with a session before its timestamp and one after it, closed. */
async function build(dir: string): Promise<void> {
  const trail = await openTrail(dir, 0, 'wrk_a', systemClock, settings());
  await stamped(trail);
  session(trail, 'ses_1', 1);
  await trail.close();
}

describe('a log with timestamps', () => {
  it('keeps checkpoint and response as openssl takes them, tells of them in an entry, and verifies', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const [checkpoint = '', response = ''] = await stamps(dir);
      const at = (name: string): string => join(dir, '0', 'timestamp', name);
      const openssl = await runProgram('openssl', ['ts', '-verify', '-data', at(checkpoint), '-in', at(response), '-CAfile', authority.caFile]);
      expect(openssl).toMatchObject({ code: 0 });
      const report = await verify(dir, now());
      expect(report.problems).toEqual([]);
      expect(report.logs[0]?.timestamps).toBe(1);
      const leaves = await leavesOf(join(dir, '0'), report.logs[0]?.size ?? 0);
      expect(leaves.find(({ kind }) => kind === 'log.timestamp')?.data).toMatchObject({ authority: 'O=Test Bank, CN=test timestamps' });
    }));

  it('shows every flipped bit, exchanged, added and missing file of a timestamp', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const missed: string[] = [];
      for (const name of await stamps(dir)) {
        const file = join(dir, '0', 'timestamp', name);
        const bytes = await readFile(file);
        for (let at = 0; at < bytes.length; at += name.endsWith('tsr') ? 17 : 1) {
          const changed = Buffer.from(bytes);
          changed[at] = (bytes[at] as number) ^ (1 << (at % 8));
          await writeFile(file, changed);
          if ((await claims(dir, now())).join() !== 'timestamp') missed.push(`${name}:${at}`);
        }
        for (const changed of [Buffer.alloc(0), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(10)]), Buffer.alloc(100_000), null]) {
          if (changed === null) await rm(file);
          else await writeFile(file, changed);
          if ((await claims(dir, now())).join() !== 'timestamp') missed.push(`${name} ${changed?.length}`);
        }
        await writeFile(file, bytes);
      }
      expect(missed).toEqual([]);
      await writeFile(join(dir, '0', 'timestamp', 'more'), 'x');
      expect(await claims(dir, now())).toEqual(['timestamp']);
      await rm(join(dir, '0', 'timestamp'), { recursive: true });
      expect(await claims(dir, now())).toEqual(['timestamp']);
    }));

  it('is not vouched for by another authority', () =>
    withDirectory(async (dir) => {
      await build(dir);
      await using other = await startTimestampAuthority();
      expect(await claims(dir, { ...now(), authorities: readCertificates(other.ca, 'the test') })).toEqual(['timestamp']);
    }));

  it('shows the owner of the key who dates the entries after a timestamp back before it, and one who writes those before it anew', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const directory = join(dir, '0');
      const kept = `${dir}/kept`;
      await cp(join(directory, 'timestamp'), kept, { recursive: true });
      const size = (await verify(dir, now())).logs[0]?.size ?? 0;
      const leaves = await leavesOf(directory, size);
      const first = Number((await stamps(dir))[0]?.split('.')[0]);
      const back = (leaf: AuditLeaf, hours: number): AuditLeaf => ({ ...leaf, time: new Date(Date.parse(leaf.time) - hours * 3_600_000).toISOString() });
      const forged = async (change: (leaf: AuditLeaf) => AuditLeaf): Promise<string[]> => {
        await forge(directory, leaves.map(change));
        await cp(kept, join(directory, 'timestamp'), { recursive: true });
        return (await verify(dir, now())).problems.map(({ claim, message }) => `${claim}: ${message.replace(/[\d-]+T[\d:.]+Z/, 'TIME')}`);
      };
      // All of it dated back by a day, which adds up in itself: the checkpoint that was stamped is another's then.
      expect(await forged((leaf) => back(leaf, 24))).toEqual([`timestamp: the timestamp of size ${first} is not over a checkpoint of this log`]);
      // Only what comes after the checkpoint, so that the stamped one is still continued: times go back, and before the timestamp.
      expect(await forged((leaf) => (leaf.n >= first ? back(leaf, 24) : leaf))).toEqual([
        `order: its time TIME is before that of the entry before it`,
        `timestamp: it says a time before TIME, when the checkpoint before it was timestamped: it was dated back`,
      ]);
      expect(await forged((leaf) => (leaf.n === 0 ? leaf : { ...leaf, data: { ...leaf.data, more: 1 } }))).toEqual(
        first > 1 ? [`timestamp: the timestamp of size ${first} is not over a checkpoint of this log`] : [],
      );
    }));
});

describe('a timestamp authority', () => {
  it('that is down, refuses, answers with rubbish or something else, or tells another time holds nothing up, is told once, and is asked again', () =>
    withDirectory(async (dir) => {
      const earlier = await authority.reply(timestampRequest(Buffer.from('of another'), 1n));
      const answers: (() => Buffer | number)[] = [
        () => 503,
        () => Buffer.from('rubbish'),
        () => Buffer.from('30053003020102', 'hex'),
        () => Buffer.alloc(100_000),
        () => earlier,
      ];
      let asked = 0;
      authority.change((honest) => answers[asked++]?.() ?? honest);
      const trail = await openTrail(dir, 0, 'wrk_a', systemClock, settings());
      session(trail, 'ses_1', 1);
      await trail.synced();
      await eventually('it is failing', () => trail.timestamps?.failing === true);
      expect(trail.healthy).toBe(true);
      await stamped(trail);
      expect(trail.timestamps?.failing).toBe(false);
      expect(asked).toBeGreaterThan(answers.length);
      await trail.close();
      authority.change(null);
      const report = await verify(dir, now());
      expect(report.problems).toEqual([]);
      const kinds = (await leavesOf(join(dir, '0'), report.logs[0]?.size ?? 0)).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'log.timestamp_failed')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'log.timestamp')).toHaveLength(1);
    }));

  it('whose clock is not that of the gateway stamps nothing that would contradict the entries', () =>
    withDirectory(async (dir) => {
      const ahead = { ...systemClock, now: () => Date.now() + 3_600_000 };
      const trail = await openTrail(dir, 0, 'wrk_a', ahead, settings());
      await eventually('it is failing', () => trail.timestamps?.failing === true);
      await trail.close();
      const { problems, logs } = await verify(dir, { ...now(), at: Date.now() + 7_200_000 });
      expect(problems).toEqual([]);
      const told = (await leavesOf(join(dir, '0'), logs[0]?.size ?? 0)).find(({ kind }) => kind === 'log.timestamp_failed');
      expect(String(told?.data['why'])).toMatch(/are 3\d\d\d seconds apart/);
    }));

  it('that never answers does not keep a gateway from ending', () =>
    withDirectory(async (dir) => {
      const before = authority.requests.length;
      authority.change(() => new Promise<Buffer>(() => undefined));
      const trail = await openTrail(dir, 0, 'wrk_a', systemClock, settings());
      await eventually('it is asked', () => authority.requests.length > before);
      await trail.close();
      authority.change(null);
      expect(await claims(dir, now())).toEqual([]);
    }));

  it('is asked once in each period, over restarts too', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const asked = authority.requests.length;
      await (await openTrail(dir, 0, 'wrk_b', systemClock, settings())).close();
      expect(authority.requests.length).toBe(asked);
      const trail = await openTrail(dir, 0, 'wrk_c', systemClock, settings({ everyMs: 10 }));
      await eventually('it is asked again and again', async () => (await stamps(dir)).length >= 6);
      await trail.close();
      const { problems, logs } = await verify(dir, now());
      expect(problems).toEqual([]);
      expect(logs[0]?.timestamps).toBeGreaterThanOrEqual(3);
    }));
});
