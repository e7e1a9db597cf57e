/** Searching and following logs: newest first over all logs, every filter, pages, bounds of time, and parts that are not there. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endsOfLogs, followLogs } from '../../src/audit/follow-logs.js';
import { searchLogs } from '../../src/audit/search-logs.js';
import type { AuditEntry, AuditFilter } from '../../src/contract/audit-entry.js';
import { buildLogs, openTrail, START, session, withDirectory } from './log-world.js';

const ANY: AuditFilter = { kinds: [], subject: null, target: null, session: null, text: null, since: null, until: null };
const logs = (dir: string): string[] => ['0', '1'].map((name) => join(dir, name));
const all = async (dir: string, filter: Partial<AuditFilter>, limit = 1_000) => (await searchLogs(logs(dir), { ...ANY, ...filter }, limit, null)).entries;
const placesOf = (entries: readonly AuditEntry[]): string[] => entries.map(({ log, n }) => `${log}#${n}`);

/** Two logs, one hour later an eve in each. */
async function build(dir: string): Promise<void> {
  await buildLogs(dir);
  const clock = { now: () => START + 3_600_000, monotonic: () => 0 };
  const zero = await openTrail(dir, 0, 'wrk_c', clock);
  const one = await openTrail(dir, 1, 'wrk_d', clock);
  session(zero, 'ses_late0', 1);
  session(one, 'ses_late1', 1);
  zero.event('approval.approve', { approval: 'apr_1', requesterSubject: 'mallory', actorSubject: 'bob', target: 'vault', comment: 'a secret thought' });
  await zero.close();
  await one.close();
}

describe('a search of the logs', () => {
  it('gives every entry of every log once, newest first, over pages of any size', () =>
    withDirectory(async (dir) => {
      await build(dir);
      const whole = await all(dir, {});
      expect(new Set(placesOf(whole)).size).toBe(whole.length);
      expect(whole.length).toBe(285 + 7 + 7 + 6);
      const times = whole.map(({ time }) => time);
      expect(times).toEqual([...times].sort().reverse());
      for (const size of [1, 7, 100]) {
        const paged: AuditEntry[] = [];
        for (let before: string | null = null, pages = 0; pages === 0 || before !== null; pages++) {
          const page = await searchLogs(logs(dir), ANY, size, before);
          paged.push(...page.entries);
          before = page.next;
        }
        expect(placesOf(paged)).toEqual(placesOf(whole));
      }
    }));

  it('holds every filter', () =>
    withDirectory(async (dir) => {
      await build(dir);
      expect((await all(dir, { kinds: ['subject.lock'] })).map(({ data }) => data['subject'])).toEqual(['eve']);
      expect((await all(dir, { kinds: ['approval.*', 'subject.*'] })).map(({ kind }) => kind)).toEqual(['approval.approve', 'subject.lock']);
      for (const subject of ['mallory', 'bob']) expect((await all(dir, { subject })).map(({ kind }) => kind)).toEqual(['approval.approve']);
      expect(await all(dir, { target: 'vault' })).toHaveLength(1);
      expect((await all(dir, { session: 'ses_a7' })).map(({ kind }) => kind)).toEqual(['session.end', 'operation.deny', 'operation.deny', 'session.start']);
      expect(await all(dir, { text: 'APR_1' })).toHaveLength(1);
      expect(await all(dir, { text: 'secret thought' })).toEqual([]);
      const hour = new Date(START + 3_600_000).toISOString();
      expect(await all(dir, { since: hour })).toHaveLength(7 + 6);
      expect(await all(dir, { until: hour })).toHaveLength(285 + 7);
      expect(await all(dir, { since: hour, until: hour })).toEqual([]);
    }));

  it('says which entries are not there, and refuses a place that is none', () =>
    withDirectory(async (dir) => {
      await build(dir);
      await rm(join(dir, '0', 'tile', 'entries', '000'));
      const { entries, missing, next } = await searchLogs(logs(dir), ANY, 1_000, null);
      expect(missing).toEqual(['bank/0: the entries up to 255 are not there']);
      expect(entries.filter(({ log }) => log === 'bank/0').every(({ n }) => n > 255)).toBe(true);
      expect(next).toBeNull();
      for (const place of ['0.x', '0', '../0.1', '0.1~']) await expect(searchLogs(logs(dir), ANY, 1, place)).rejects.toMatchObject({ code: 'usage.invalid' });
    }));
});

describe('following the logs', () => {
  it('gives what comes, of logs that come up too, each log in its order and nothing twice', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const from = await endsOfLogs([join(dir, '0')]);
      const trail = await openTrail(dir, 0, 'wrk_c');
      session(trail, 'ses_c', 1, 600);
      await trail.close();
      const seen: AuditEntry[] = [];
      for await (const entries of followLogs({ list: async () => logs(dir), more: () => Promise.resolve(false) }, from)) seen.push(...entries);
      expect(seen.filter(({ log }) => log === 'bank/0').map(({ n }) => n)).toEqual(Array.from({ length: 604 }, (_, at) => 285 + at));
      expect(seen.filter(({ log }) => log === 'bank/1').map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }));

  it('stops at a log that is shorter than it was', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const from = new Map([[join(dir, '0'), 10_000]]);
      const run = followLogs({ list: async () => logs(dir), more: () => Promise.resolve(false) }, from);
      await expect(run.next()).rejects.toMatchObject({ code: 'audit.invalid' });
    }));
});
