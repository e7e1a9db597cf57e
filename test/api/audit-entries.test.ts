/** The routes of the audit log: for auditors alone, written down before anything is given, and with the filters that a caller may send. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntryList } from '../../src/contract/api-types.js';
import { buildLogs, openTrail, session } from '../audit/log-world.js';
import { ApiWorld, codeOf } from './api-world.js';

let world: ApiWorld;
let auditor: string;

beforeAll(async () => {
  world = await ApiWorld.start();
  world.dataDir = await mkdtemp(join(tmpdir(), 'gw-api-logs-'));
  await buildLogs(join(world.dataDir, 'log'));
});
afterAll(async () => {
  await world?.close();
  await rm(world.dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  world.audit.length = 0;
  world.journalBroken = false;
  auditor = await world.token('aud', ['auditors']);
});

const search = async (query: string): Promise<AuditEntryList> =>
  (await world.ask(`/api/v1/audit/entries?${query}`, { token: auditor })).json as unknown as AuditEntryList;

/** It never ends by itself. That it was cut is seen by whoever reads it. */
async function tail(query: string, token: string): Promise<IncomingMessage> {
  const sent = request({
    host: '127.0.0.1',
    port: world.port,
    path: `/api/v1/audit/entries/tail?${query}`,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response.on('error', () => undefined);
}

describe('the audit log', () => {
  it('is for auditors: not for admins, not for whoever is neither, and not while it cannot be written', async () => {
    for (const path of ['/api/v1/audit/entries', '/api/v1/audit/entries/tail']) {
      for (const groups of [['admins'], ['engineers']])
        expect(codeOf(await world.ask(path, { token: await world.token('root', groups) }))).toBe('api.forbidden');
    }
    expect(world.audit.map(({ kind }) => kind)).toEqual(Array(4).fill('api.denied'));
    world.journalBroken = true;
    for (const path of ['/api/v1/audit/entries', '/api/v1/audit/entries/tail'])
      expect(codeOf(await world.ask(path, { token: auditor }))).toBe('recording.failed');
  });

  it('is searched by kind, subject, target, session, text and time, in pages, and says who looked', async () => {
    const first = await search('kind=operation.deny&session=ses_a7');
    expect(first.entries.map(({ kind, data }) => [kind, data['session']])).toEqual(Array(2).fill(['operation.deny', 'ses_a7']));
    expect(world.audit).toMatchObject([{ kind: 'log.read', data: { what: 'audit search', session: 'ses_a7', actorSubject: 'sub-aud' } }]);
    expect((await search('kind=subject.lock&kind=log.close')).entries).toHaveLength(3);
    expect((await search('subject=eve&text=SUBJECT.LOCK')).entries).toHaveLength(1);
    expect((await search('target=db&kind=session.*&limit=3')).entries).toHaveLength(3);
    expect((await search('since=2026-03-01T12:00:00Z')).entries).toHaveLength(100);
    expect((await search('until=2026-03-01T12:00:00Z')).entries).toEqual([]);
    const { next, entries } = await search('limit=5');
    const more = await search(`limit=5&before=${next}`);
    expect(new Set([...entries, ...more.entries].map(({ log, n }) => `${log}#${n}`)).size).toBe(10);
    for (const wrong of ['limit=0', 'kind=A', 'kind=a*b', 'since=yesterday', 'before=x', 'drop=1'])
      expect([wrong, codeOf(await world.ask(`/api/v1/audit/entries?${wrong}`, { token: auditor }))]).toEqual([wrong, 'usage.invalid']);
  });

  it('is followed: the last entries, then each as it comes', async () => {
    const response = await tail('last=2&kind=operation.deny', auditor);
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    const seen: unknown[] = [];
    const lines = createInterface({ input: response });
    for await (const line of lines) {
      if (line === '') continue;
      const { data } = JSON.parse(line) as { data: Record<string, unknown> };
      seen.push(data['session']);
      if (seen.length === 2) {
        const trail = await openTrail(join(world.dataDir, 'log'), 0, 'wrk_c');
        session(trail, 'ses_new', 1, 1);
        await trail.close();
      }
      if (seen.length === 3) break;
    }
    response.destroy();
    expect(seen).toEqual(['ses_a70', 'ses_a70', 'ses_new']);
    expect(world.audit).toMatchObject([{ kind: 'log.read', data: { what: 'audit tail' } }]);
  });

  it('is not followed any longer by whoever was locked', async () => {
    const token = await world.token('former', ['auditors']);
    const identity = { issuer: world.issuer.url, subject: 'sub-former', name: 'former', kind: 'person' as const, email: null, groups: [] };
    await world.store.subjects.seen(identity);
    const response = await tail('last=1', token);
    let lines = 0;
    const reading = (async () => {
      for await (const chunk of response) {
        if (String(chunk).trim() !== '' && lines++ === 0) {
          await world.store.subjects.setLocked(identity.issuer, identity.subject, true, 'root', 'left');
          world.clock.advance(3_000);
        }
      }
    })();
    // The stream is cut in the middle: a half never looks whole.
    await expect(reading).rejects.toThrow();
    expect(lines).toBe(1);
  });
});

describe('the sinks', () => {
  it('are shown to admins and auditors, and to nobody else', async () => {
    world.sinks = [{ name: 'siem', kind: 'syslog', format: 'ocsf', state: 'ok', waiting: 0, oldest: null, failing: null }];
    for (const groups of [['admins'], ['auditors']]) {
      const reply = await world.ask('/api/v1/audit/sinks', { token: await world.token('root', groups) });
      expect(reply.json).toEqual({ sinks: world.sinks });
    }
    expect(codeOf(await world.ask('/api/v1/audit/sinks', { token: await world.token('alice') }))).toBe('api.forbidden');
  });
});

describe('the files of the logs', () => {
  it('are given to auditors as they lie on disk, and nothing else is; reading entries is written down', async () => {
    const list = await world.ask('/api/v1/audit/logs', { token: auditor });
    expect(list.json).toMatchObject({
      logs: [
        { number: 0, log: 'bank/0' },
        { number: 1, log: 'bank/1', size: 7 },
      ],
      rotations: 0,
    });
    for (const path of ['1/checkpoint', '1/tile/0/000.p/7', '1/tile/entries/000.p/7']) {
      const reply = await world.ask(`/api/v1/audit/logs/${path}`, { token: auditor });
      expect([path, reply.status, reply.text]).toEqual([path, 200, (await readFile(join(world.dataDir, 'log', path))).toString()]);
    }
    expect(world.audit.map(({ data }) => data['what'])).toEqual(['audit log 1/tile/entries/000.p/7']);
    for (const path of ['1/lock', '../audit-key', '1/..%2f..%2faudit-key', '1/pending.0', 'rotation.x', '1/tile/entries/000/', '1%2fcheckpoint%00', ''])
      expect([path, (await world.ask(`/api/v1/audit/logs/${path}`, { token: auditor })).status]).not.toEqual([path, 200]);
    expect(codeOf(await world.ask('/api/v1/audit/logs/9/checkpoint', { token: auditor }))).toBe('audit.unknown');
    for (const path of ['/api/v1/audit/logs', '/api/v1/audit/logs/1/checkpoint'])
      expect(codeOf(await world.ask(path, { token: await world.token('root', ['admins']) }))).toBe('api.forbidden');
  });

  it('are also those of timestamps: for auditors, as they lie there, and no other file beside them, and none larger than one can be', async () => {
    const directory = join(world.dataDir, 'log', '1', 'timestamp');
    await mkdir(directory);
    const bytes = Buffer.from('\u0000ÿ\n', 'latin1');
    for (const name of ['0.tsr', '6.checkpoint', '6.tsr', '06.tsr', '6.tsr.draft', '6.key', 'x.tsr', '-1.tsr', '1e3.tsr', '12345678901234567.tsr'])
      await writeFile(join(directory, name), bytes);
    await writeFile(join(directory, '7.tsr'), Buffer.alloc(65_537));
    const ask = async (path: string, token = auditor) => world.ask(`/api/v1/audit/logs/${path}`, { token });
    for (const name of ['0.tsr', '6.checkpoint', '6.tsr']) {
      const reply = await ask(`1/timestamp/${name}`);
      expect([name, reply.status, reply.text]).toEqual([name, 200, bytes.toString()]);
      expect(codeOf(await ask(`1/timestamp/${name}`, await world.token('root', ['admins'])))).toBe('api.forbidden');
    }
    const refused = [
      '',
      '06.tsr',
      '6.tsr.draft',
      '6.key',
      'x.tsr',
      '-1.tsr',
      '1e3.tsr',
      '12345678901234567.tsr',
      '../checkpoint',
      '..%2fcheckpoint',
      '6.tsr%00',
      '6.tsr%0a',
    ];
    for (const name of refused) expect([name, (await ask(`1/timestamp/${name}`)).status]).not.toEqual([name, 200]);
    expect(codeOf(await ask('1/timestamp/06.tsr'))).toBe('usage.invalid');
    for (const name of ['7.tsr', '8.tsr']) expect([name, codeOf(await ask(`1/timestamp/${name}`))]).toEqual([name, 'audit.unknown']);
    expect(
      world.audit.filter(({ kind }) => kind === 'log.read'),
      'they say nothing of anybody',
    ).toEqual([]);
  });
});
