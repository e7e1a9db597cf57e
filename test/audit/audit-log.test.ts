import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leafData } from '../../src/audit/audit-leaf.js';
import type { AuditTrail } from '../../src/audit/audit-trail.js';
import { AUDIT_EVENTS, classify, createAuditLog, KEY_TYPE, publicKeyBytes, verifierKey } from '../../src/audit/index.js';
import { GwError } from '../../src/contract/gw-error.js';
import { silentTrail } from '../support/silent-trail.js';
import { key, leavesOf, openTrail, START, session, verify, withDirectory } from './log-world.js';
import { otherVerifier } from './other-verifier.js';

describe('audit events', () => {
  it('keep public fields, set sensitive ones apart, and drop the rest by name: unclassified is secret', () => {
    const data = { session: 'ses_1', reason: 'because', token: 'hunter2', later: 'field', actorName: 'alice', target: null };
    const written = classify(AUDIT_EVENTS['session.kill'], data);
    expect(written).toEqual({ session: 'ses_1', target: null, sensitive: { reason: 'because', actorName: 'alice' }, dropped: ['token', 'later'] });
    expect(JSON.stringify(written)).not.toContain('hunter2');
  });

  it('do not take a field for classified because every object has one of that name', () => {
    expect(
      classify(
        AUDIT_EVENTS['session.kill'],
        Object.fromEntries([
          ['constructor', 'x'],
          ['toString', 'y'],
        ]),
      ),
    ).toEqual({ dropped: ['constructor', 'toString'] });
  });

  it('bound the length of a field (D16)', () => {
    const written = classify(AUDIT_EVENTS['session.kill'], { reason: 'x'.repeat(10_000) }) as { sensitive: { reason: string } };
    expect(written.sensitive.reason).toHaveLength(2_000);
  });

  it('have no half of a character, sent or left by the cut: such an entry would be in no form', () =>
    withDirectory(async (dir) => {
      const log = join(dir, 'log');
      await mkdir(log);
      const trail = await openTrail(log, 0, 'wrk_a');
      const texts = ['\ud83d', 'a\ude00b', `${'x'.repeat(1_998)}\u{1f600}y`];
      for (const targets of texts) {
        trail.event('client_recording.begin', { targets });
        expect(leafData(AUDIT_EVENTS['client_recording.begin'], { targets })).toEqual(classify(AUDIT_EVENTS['client_recording.begin'], { targets }));
      }
      trail.append('gateway.roles', { admins: [{ issuer: 'i', group: '\ud83d' }] });
      await trail.close();
      const [, first, second, third, roles] = await leavesOf(join(log, '0'), 6);
      const said = [first, second, third].map((leaf) => leaf?.data['targets']);
      expect(said).toEqual(['\ufffd', 'a\ufffdb', `${'x'.repeat(1_998)}\ufffd…`]);
      expect(roles?.data['admins']).toEqual([{ issuer: 'i', group: '\ufffd' }]);
      await writeFile(join(dir, 'audit.pub'), `${verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(key))}\n`);
      expect((await otherVerifier(dir, join(dir, 'audit.pub'))).text).not.toContain('is in no form');
    }));

  it('about holds and what they keep are in the order in which they happened, also in two logs of which one is ahead', () =>
    withDirectory(async (dir) => {
      let ahead = 3_600_000;
      const over = (trail: AuditTrail) => createAuditLog({ event: () => undefined, commit: () => trail.commit(), synced: () => trail.synced() }, trail);
      const at = (offset: () => number) => ({ now: () => START + offset(), monotonic: () => 0 });
      const [a, b] = [
        await openTrail(
          dir,
          0,
          'wrk_a',
          at(() => 0),
        ),
        await openTrail(
          dir,
          1,
          'wrk_b',
          at(() => ahead),
        ),
      ];
      const [overA, overB] = [over(a), over(b)];
      session(a, 'ses_a', 1, 0);
      const hold = { hold: 'hld_1', scope: 'session', value: 'ses_a' };
      await overA.record('hold.add', hold);
      b.append('retention.rules', {});
      ahead = 0;
      await overB.record('hold.release', hold);
      await overA.record('session.erase', { session: 'ses_a', target: 'db', sessionSubject: 'alice' });
      await Promise.all([a.close(), b.close()]);
      expect((await verify(dir)).problems).toEqual([]);
    }));

  it('are on disk when record resolves, in this order', async () => {
    const steps: string[] = [];
    const trail = { ...silentTrail, event: (kind: string) => void steps.push(`leaf ${kind}`) };
    const journal = { event: (kind: string) => void steps.push(kind), commit: () => void steps.push('commit'), synced: async () => void steps.push('synced') };
    const log = createAuditLog(journal, trail);
    await log.record('subject.lock', { subject: 's' });
    expect(steps).toEqual(['subject.lock', 'leaf subject.lock', 'commit', 'synced']);
  });

  it('that cannot be written or synced are an error, never silence', async () => {
    const broken = (): never => {
      throw new GwError('recording.failed', 'x');
    };
    const journal = { event: () => undefined, commit: () => undefined, synced: () => Promise.resolve() };
    await expect(createAuditLog(journal, { ...silentTrail, ready: broken }).record('subject.lock', {})).rejects.toMatchObject({ code: 'recording.failed' });
    await expect(createAuditLog({ ...journal, event: broken }, silentTrail).record('subject.lock', {})).rejects.toMatchObject({ code: 'recording.failed' });
    await expect(createAuditLog({ ...journal, commit: broken }, silentTrail).record('subject.lock', {})).rejects.toMatchObject({ code: 'recording.failed' });
    await expect(createAuditLog({ ...journal, synced: async () => broken() }, silentTrail).record('subject.lock', {})).rejects.toMatchObject({
      code: 'recording.failed',
    });
  });
});
