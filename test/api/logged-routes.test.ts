/**
 * Every route that reads, called by an auditor about somebody else: it leaves `log.read` (or an entry of its own), or stands here with the reason why not. A
 * new route fails here until it is listed. Routes that change something are walked in sessions-and-users.test.ts.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLogs } from '../audit/log-world.js';
import { ApiWorld } from './api-world.js';

interface Read {
  /** What is called; by default the route itself. */
  readonly path?: string;
  readonly role?: 'admins' | 'auditors';
  /** Null: none, for this reason. */
  readonly entry: string | null;
  readonly why?: string;
}

const SESSION = ':session';
const own = { entry: null, why: "the caller's own rights and state" } as const;

const READS: Readonly<Record<string, Read>> = {
  '/api/v1/whoami': own,
  '/api/v1/targets': own,
  '/api/v1/sessions': { entry: 'log.read' },
  '/api/v1/sessions/:id': { path: `/api/v1/sessions/${SESSION}`, entry: 'log.read' },
  '/api/v1/sessions/:id/export': { path: `/api/v1/sessions/${SESSION}/export`, entry: 'log.read' },
  '/api/v1/sessions/:id/watch': { path: `/api/v1/sessions/${SESSION}/watch`, entry: 'log.read' },
  '/api/v1/operations': { path: '/api/v1/operations?q=select', entry: 'log.read' },
  '/api/v1/requests': { entry: null, why: 'requests are shown to who asks and to those who are asked; what they do with them is an entry' },
  '/api/v1/requests/:id': { path: '/api/v1/requests/apr_0', entry: null, why: 'the same' },
  '/api/v1/grants': { entry: null, why: 'the same' },
  '/api/v1/users': { role: 'admins', entry: 'log.read' },
  '/api/v1/retention': { role: 'admins', entry: 'log.read' },
  '/api/v1/evidence': {
    path: '/api/v1/evidence?session=ses_0',
    entry: null,
    why: 'there is no such session; evidence.test.ts exports one, and has its evidence.export',
  },
  '/api/v1/holds': { role: 'admins', entry: 'log.read' },
  '/api/v1/targets/:name/inherited-tags': { path: '/api/v1/targets/bank-db/inherited-tags', entry: null, why: 'which columns carry a class, and no value' },
  '/api/v1/policy': { entry: null, why: 'no policy is kept here; policy.test.ts has one, and its policy.read' },
  '/api/v1/policies/:digest': { path: `/api/v1/policies/sha256:${'0'.repeat(64)}`, entry: null, why: 'the same' },
  '/api/v1/recordings': { entry: 'log.read' },
  '/api/v1/recordings/:id': { path: '/api/v1/recordings/rec_0', ...own },
  '/api/v1/recordings/:id/cast': {
    path: '/api/v1/recordings/rec_0/cast',
    entry: null,
    why: 'none is here; client-recordings.test.ts has one, and its log.read',
  },
  '/api/v1/certificates/authorities': { entry: null, why: 'public keys' },
  '/api/v1/audit/entries': { entry: 'log.read' },
  '/api/v1/audit/entries/tail': { entry: 'log.read' },
  '/api/v1/audit/logs': { entry: null, why: 'names and sizes' },
  '/api/v1/audit/logs/*': { path: '/api/v1/audit/logs/1/tile/entries/000.p/7', entry: 'log.read' },
  '/api/v1/audit/sinks': { entry: null, why: 'how far sinks are, and nothing of what is in them' },
};

let world: ApiWorld;
let session: string;

beforeAll(async () => {
  world = await ApiWorld.start();
  world.dataDir = await mkdtemp(join(tmpdir(), 'gw-api-logs-'));
  await buildLogs(join(world.dataDir, 'log'));
  session = await world.session('gina');
});
afterAll(async () => {
  await world?.close();
  await rm(world.dataDir, { recursive: true, force: true });
});

/** Status alone: some answers do not end by themselves. */
async function statusOf(path: string, token: string): Promise<number> {
  const sent = request({ host: '127.0.0.1', port: world.port, path, agent: false, headers: { authorization: `Bearer ${token}` } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => undefined).destroy();
  return response.statusCode ?? 0;
}

describe('reading', () => {
  it('is an entry on every route, or stands here with a reason', async () => {
    const routes = world.api.routes.filter(({ method }) => method === 'GET').map(({ url }) => url);
    expect(routes.filter((url) => !Object.hasOwn(READS, url))).toEqual([]);
    const wrong: unknown[] = [];
    for (const url of routes) {
      const { path = url, role = 'auditors', entry } = READS[url] ?? { entry: null };
      world.audit.length = 0;
      const status = await statusOf(path.replace(SESSION, session), await world.token('reader', [role]));
      const kinds = world.audit.map(({ kind }) => kind);
      if ((status !== 200 && status !== 404) || kinds.join(' ') !== (entry ?? '')) wrong.push({ url, status, kinds });
      if (entry !== null && world.audit[0]?.data['actorSubject'] !== 'sub-reader') wrong.push({ url, by: world.audit[0]?.data });
    }
    expect(wrong).toEqual([]);
  });
});
