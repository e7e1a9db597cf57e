/** How much of a log may go: what stays in any log keeps what explains it, whichever worker told it, and what cannot be read keeps everything. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { logState } from '../../src/audit/index.js';
import { claims, openTrail, START, session, withDirectory } from './log-world.js';
import { at, DAY, fill, life, plan, prune } from './pruning-world.js';

/** Log 0: wrk_a with a session, that died; its end, its segment and its pruning are told in log 1, by two processes, after much else. */
async function recovered(dir: string): Promise<void> {
  await life(dir, 1, 'wrk_b', 0);
  const trail = await openTrail(dir, 0, 'wrk_a', at(1));
  trail.append('session.start', { session: 'ses_a', number: 1, issuer: 'i', subject: 'alice', target: 'db' });
  fill(trail);
  // It dies: nothing is closed, and what it wrote is signed by the next one.
  trail.commit();
  await trail.synced();
  await life(dir, 1, 'wrk_c', 2, (next) => {
    next.append('session.recovered', { session: 'ses_a', journalOfSession: 'wrk_a', issuer: 'i', subject: 'alice', target: 'db', reason: 'interrupted' });
    next.append('journal.segment', { journalOfSegment: 'wrk_a', segment: 1, entries: 2, root: 'ab', final: true });
    fill(next);
  });
  await life(dir, 1, 'wrk_d', 50, (next) => {
    const time = new Date(START + 50 * DAY).toISOString();
    next.append('retention.rules', { recordings: 1, approvals: 1, index: 1, log: 90 * DAY, targets: [] });
    const ended = { session: 'ses_a', journalOfSession: 'wrk_a', target: 'db', issuer: 'i', subject: 'alice' };
    next.append('session.expire', { ...ended, endedAt: new Date(START + 2 * DAY).toISOString(), keepMs: 1, knownTime: time });
    next.append('journal.prune', { journalOfSegment: 'wrk_a', through: 1, knownTime: time });
    fill(next);
  });
  await life(dir, 0, 'wrk_e', 51);
  await life(dir, 1, 'wrk_f', 52);
}

const verified = (dir: string): Promise<string[]> => claims(dir, { at: START + 500 * DAY });

describe('the plan of pruning', () => {
  it('has what explains an entry go after it, through the logs of several workers', () =>
    withDirectory(async (dir) => {
      await recovered(dir);
      expect(await verified(dir)).toEqual([]);
      expect(await plan(dir, 1), 'the session is still begun in log 0').toBeNull();
      expect(await prune(dir, 0, 'wrk_g', 400)).toBeGreaterThan(256);
      expect(await verified(dir)).toEqual([]);
      // Now the word of others may go, and with it that of the end: all of it stands before the last process of log 1.
      expect(await prune(dir, 1, 'wrk_h', 401)).toBeGreaterThan(512);
      expect(await verified(dir)).toEqual([]);
    }));

  it('keeps a process of which a journal is there, or not all segments are pruned', () =>
    withDirectory(async (dir) => {
      await recovered(dir);
      expect(await plan(dir, 0, { journals: new Set(['wrk_a']) })).toBeNull();
      expect(await plan(dir, 0, { taken: 100 })).toBeNull();
      await life(dir, 1, 'wrk_f', 53, (trail) =>
        trail.append('journal.segment', { journalOfSegment: 'wrk_a', segment: 2, entries: 2, root: 'ab', final: true }),
      );
      expect(await plan(dir, 0)).toBeNull();
    }));

  it('keeps what a hold covers by any name that an entry has for a subject', () =>
    withDirectory(async (dir) => {
      await recovered(dir);
      const hold = (scope: string, value: string, issuer: string | null = null) => ({ holds: [{ id: 'hld_1', scope, value, issuer }] });
      for (const covering of [hold('session', 'ses_a'), hold('target', 'db'), hold('subject', 'alice', 'i')]) expect(await plan(dir, 0, covering)).toBeNull();
      for (const other of [hold('session', 'ses_b'), hold('target', 'other'), hold('subject', 'alice', 'j')]) expect(await plan(dir, 0, other)).not.toBeNull();
    }));

  it('goes no further than another log has seen, and not at all where one cannot be read', () =>
    withDirectory(async (dir) => {
      await life(dir, 1, 'wrk_b', 0, fill);
      await life(dir, 1, 'wrk_c', 1);
      await life(dir, 0, 'wrk_a', 2, (trail) => session(trail, 'ses_x', 1, 1));
      const seen = (await logState(join(dir, '1')))?.size;
      // Log 0 says no more of it after that.
      await life(dir, 1, 'wrk_d', 3, fill);
      await life(dir, 1, 'wrk_e', 4);
      expect(await plan(dir, 1)).toMatchObject({ from: 0, first: seen, announced: null });
      await rm(join(dir, '0', 'tile', 'entries'), { recursive: true });
      await expect(plan(dir, 1)).rejects.toMatchObject({ code: 'audit.invalid' });
    }));
});
