/** The sinks of a process that for a while can neither make their directory nor take their lock: it goes on trying, says so once, and serves when it can. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditLog } from '../../src/audit/index.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import type { GatewayConfig } from '../../src/config/index.js';
import { type AuditSinks, startAuditSinks } from '../../src/gateway/audit-sinks.js';
import { buildLogs } from '../audit/log-world.js';
import { clock, sinkSettings } from '../audit/sink-world.js';
import { keys } from '../recording/session-fixture.js';
import { eventually } from '../store/state-server.js';

let dir: string;
let out: string;
let said: string[];
let started: AuditSinks | null = null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-sinks-'));
  out = join(dir, 'out', 'audit.ndjson');
  said = [];
  await mkdir(join(dir, 'log'));
  await buildLogs(join(dir, 'log'));
});
afterEach(async () => {
  await started?.close();
  started = null;
  await rm(dir, { recursive: true, force: true });
});

function start(): AuditSinks {
  const sinks = [sinkSettings({ kind: 'file', path: out, rotateBytes: 1 << 30, keep: null })];
  const config = { gateway: { dataDir: dir, name: 'bank' }, sinks } as unknown as GatewayConfig;
  const audit: AuditLog = { record: () => Promise.resolve() } as unknown as AuditLog;
  const logger: Logger = { ...silentLogger, error: (_fields, message) => said.push(message), info: (_fields, message) => said.push(message) };
  started = startAuditSinks({ config, worker: 'wrk_1', journalDir: join(dir, 'journal'), keys, audit, clock, logger });
  return started;
}

const delivered = async (): Promise<number> => (await readFile(out, 'utf8').catch(() => '')).split('\n').length - 1;

describe('the sinks of a process', () => {
  it('that cannot take their lock are shown to fail, and are served as soon as it can', async () => {
    await mkdir(join(dir, 'sinks', 'lock'), { recursive: true });
    const sinks = start();
    await eventually('they are shown to fail', async () => (await sinks.status())[0]?.state === 'failing');
    expect(await sinks.status()).toMatchObject([{ name: 'siem', failing: { message: 'The sinks cannot be served (EISDIR).' } }]);
    expect(said).toEqual(['the sinks of the audit log cannot be served by this process; it is tried again']);
    await rm(join(dir, 'sinks', 'lock'), { recursive: true });
    await eventually('everything is delivered', async () => (await delivered()) === 292);
    await eventually('they are well', async () => (await sinks.status())[0]?.state === 'ok');
    expect(await sinks.status()).toMatchObject([{ failing: null, waiting: 0 }]);
    expect(said).toHaveLength(2);
  });

  it('that cannot make their directory are served as soon as it can', async () => {
    await writeFile(join(dir, 'sinks'), '');
    start();
    await eventually('it says so', () => said.length > 0);
    await rm(join(dir, 'sinks'));
    await eventually('everything is delivered', async () => (await delivered()) === 292);
    expect(said).toHaveLength(2);
  });
});
