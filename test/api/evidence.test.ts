/** GET /api/v1/evidence: who may, what is recorded, and what is asked of the desk. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiWorld, codeOf } from './api-world.js';

let world: ApiWorld;
beforeAll(async () => {
  world = await ApiWorld.start();
});
afterAll(async () => {
  await world?.close();
});

it('gives packs to auditors alone, and records each before anything is read', async () => {
  const url = '/api/v1/evidence?from=2026-01-01T00:00:00Z&framework=pci&nonce=word&sample=3';
  for (const group of ['engineers', 'admins']) {
    expect(codeOf(await world.ask(url, { token: await world.token('alice', [group]) }))).toBe('api.forbidden');
  }
  expect(world.exportedEvidence).toEqual([]);
  world.audit.length = 0;
  const reply = await world.ask(url, { token: await world.token('aud', ['auditors']) });
  expect(reply.status).toBe(200);
  expect(reply.text).toContain('"kind":"progress"');
  const from = Date.parse('2026-01-01T00:00:00Z');
  expect(world.exportedEvidence).toEqual([{ framework: 'pci', from, to: world.clock.now(), session: null, nonce: 'word', sample: 3 }]);
  expect(world.audit.map(({ kind }) => kind)).toEqual(['evidence.export']);
  expect(world.audit[0]?.data).toMatchObject({ actorSubject: 'sub-aud', framework: 'pci', from: '2026-01-01T00:00:00.000Z' });
  world.journalBroken = true;
  expect(codeOf(await world.ask(url, { token: await world.token('aud', ['auditors']) }))).toBe('recording.failed');
  world.journalBroken = false;
  expect(world.exportedEvidence).toHaveLength(1);
});

it('refuses what is no period: without a begin, in the future, of a session that is not there', async () => {
  const token = await world.token('aud', ['auditors']);
  expect(codeOf(await world.ask('/api/v1/evidence', { token }))).toBe('usage.invalid');
  expect(codeOf(await world.ask('/api/v1/evidence?from=yesterday', { token }))).toBe('usage.invalid');
  expect(codeOf(await world.ask('/api/v1/evidence?from=2026-01-01T00:00:00Z&to=2999-01-01T00:00:00Z', { token }))).toBe('usage.invalid');
  expect(codeOf(await world.ask('/api/v1/evidence?session=ses_00000000000000000000000000', { token }))).toBe('session.unknown');
  expect(codeOf(await world.ask('/api/v1/evidence?from=2026-01-01T00:00:00Z&framework=other', { token }))).toBe('usage.invalid');
});
