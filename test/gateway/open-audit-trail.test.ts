/** What a power cut leaves of a log that has just begun: its entries are on disk when `synced` says so, and so is the way to them. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { GatewayConfig } from '../../src/config/index.js';
import { openAuditTrail } from '../../src/gateway/open-audit-trail.js';
import { SyncedNames } from '../support/synced-names.js';

const clock = { now: () => Date.parse('2026-03-01T12:00:00Z'), monotonic: () => 0 };

function settings(dataDir: string): Parameters<typeof openAuditTrail>[0] {
  const audit = { keys: [], timestamps: null, checkpointMs: 3_600_000, heartbeatMs: 3_600_000 };
  const config = { gateway: { name: 'bank', dataDir }, audit } as unknown as GatewayConfig;
  return { config, journal: 'wrk_1', version: 'test', clock, logger: silentLogger };
}

it.each([
  ['of a new gateway', null],
  ['whose directories a process made that was killed before it put their names on disk', join('log', '0')],
])('the log %s is there after a power cut, when an entry is said to be on disk', async (_what, made) => {
  const dir = await mkdtemp(join(tmpdir(), 'gw-log-'));
  try {
    if (made !== null) await mkdir(join(dir, made), { recursive: true });
    using synced = await SyncedNames.watch();
    const trail = await openAuditTrail(settings(dir));
    trail.append('retention.rules', {});
    trail.commit();
    await trail.synced();
    expect(await synced.holds(dir, join(dir, 'log', '0', 'checkpoint'))).toBe(true);
    await trail.close();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
