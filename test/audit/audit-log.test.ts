import { describe, expect, it } from 'vitest';
import { AUDIT_EVENTS, classify, createAuditLog } from '../../src/audit/index.js';
import { GwError } from '../../src/contract/gw-error.js';
import { silentTrail } from '../support/silent-trail.js';

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

  it('are on disk when record resolves, in this order', async () => {
    const steps: string[] = [];
    const trail = { ready: () => undefined, event: (kind: string) => void steps.push(`leaf ${kind}`) };
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
