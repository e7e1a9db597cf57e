import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import { checkReadiness, type ReadinessSources } from '../../src/gateway/readiness.js';
import { openJournal } from '../../src/recording/index.js';
import { systemFiles } from '../../src/recording/segment-file.js';
import { eventually } from '../store/state-server.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-ready-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const good: ReadinessSources = {
  journal: { healthy: true },
  store: { ping: () => Promise.resolve(), saturated: false, busConnected: true },
  policy: { digest: 'sha256:00' },
  sinks: { status: () => Promise.resolve([{ state: 'ok' }]) },
  draining: () => false,
};

describe('readiness', () => {
  it('is green when everything holds', async () => {
    expect(await checkReadiness(good)).toMatchObject({ ready: true, checks: { journal: { ok: true, message: null } } });
  });

  it('says that sinks wait, and is green all the same: sessions do not wait for them', async () => {
    const sinks = { status: () => Promise.resolve([{ state: 'failing' }, { state: 'ok' }, { state: 'behind' }]) };
    const { ready, checks } = await checkReadiness({ ...good, sinks });
    expect([ready, checks['sinks']]).toEqual([true, { ok: false, message: 'entries of the audit log wait for 2 sinks' }]);
  });

  it('is red from the first failed write of the journal on, and green when it can be written again (AU-5)', async () => {
    let full = false;
    const journal = await openJournal({
      dir,
      gateway: 'test',
      clock: systemClock,
      logger: silentLogger,
      retryIntervalMs: 20,
      files: {
        ...systemFiles,
        write: (...args) => {
          if (full) throw Object.assign(new TypeError('no space left'), { code: 'ENOSPC' });
          return systemFiles.write(...args);
        },
      },
    });
    expect((await checkReadiness({ ...good, journal })).ready).toBe(true);
    full = true;
    expect(() => {
      journal.event('test', {});
      journal.commit();
    }).toThrow(expect.objectContaining({ code: 'recording.failed' }));
    const red = await checkReadiness({ ...good, journal });
    expect([red.ready, red.checks['journal']?.ok]).toEqual([false, false]);
    full = false;
    await eventually('the journal is healthy again', async () => (await checkReadiness({ ...good, journal })).ready);
    await journal.close();
  });

  it.each([
    ['store', { store: { ...good.store, ping: () => Promise.reject(new GwError('store.unavailable', 'away')) } }],
    ['store', { store: { ...good.store, saturated: true } }],
    ['store', { store: { ...good.store, ping: () => new Promise<never>(() => undefined) } }],
    ['bus', { store: { ...good.store, busConnected: false } }],
    ['policy', { policy: { digest: null } }],
    ['accepting', { draining: () => true }],
  ] as const)('is red when the check "%s" fails, and says so', async (check, change) => {
    const { ready, checks } = await checkReadiness({ ...good, ...change });
    expect(ready).toBe(false);
    expect(
      Object.entries(checks)
        .filter(([, { ok }]) => !ok)
        .map(([name]) => name),
    ).toEqual([check]);
    expect(checks[check]?.message).not.toBeNull();
  });
});
