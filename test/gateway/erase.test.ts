/**
 * Erasing a session of a real gateway: afterwards no file of the data directory holds a word of it, every hash and proof of it still verifies, and what
 * is held is not erased.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicKeyBytes, readSigningKey } from '../../src/audit/index.js';
import { journalKeyring, verifyAudit } from '../../src/gateway/audit-workbench.js';
import { checkSessionProof, proveSession } from '../../src/gateway/session-proof.js';
import { eventually } from '../store/state-server.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

/** Of alice's session, and of bob's. */
const WORD = 'quokka7q';
const OTHER = 'wombat8w';

let world: GatewayWorld;
let data: string;
/** By subject. */
const ids: Record<string, string> = {};

beforeAll(async () => {
  world = await startGatewayWorld();
  data = join(world.dir, 'data');
});
afterAll(() => world?.close());

async function filesWith(word: string): Promise<string[]> {
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    // A file of the running database may go while this looks.
    const bytes = await readFile(path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return Buffer.alloc(0);
      throw thrown;
    });
    if (bytes.includes(word)) found.push(path.slice(data.length + 1));
  }
  return found;
}

/** Statement, parameter, result, error and application name, each with the word in it. */
async function work(gateway: RunningGateway, who: string, word: string): Promise<string> {
  const client = await world.connect(gateway, await world.token(who));
  await client.query(`select '${word}' as ${word}column`);
  await client.query('select $1::text', [`${word} as a parameter`]);
  await client.query(`select repeat('${word} ', 2000)`);
  await expect(client.query(`select * from ${word}table`)).rejects.toThrow(word);
  await client.end();
  const auditor = await world.token('audrey', ['auditors']);
  let id = '';
  await eventually('the session has ended and is in the index', async () => {
    const { json } = await world.api(gateway, `/api/v1/sessions?name=${who}&state=ended`, { token: auditor });
    const { json: found } = await world.api(gateway, `/api/v1/operations?q=${word}table`, { token: auditor });
    id = (json['sessions'] as { id: string }[])[0]?.id ?? '';
    return id !== '' && (found['operations'] as unknown[]).length > 0;
  });
  return id;
}

const verify = () => verifyAudit({ from: data, keyFiles: [], checkpointFiles: [], at: null });

describe('gw sessions erase', () => {
  it('ends the content of a session everywhere, and nothing else', async () => {
    let gateway = await world.start();
    const [alice, bob] = [await work(gateway, 'alice', WORD), await work(gateway, 'bob', OTHER)];
    Object.assign(ids, { 'sub-alice': alice, 'sub-bob': bob });
    expect(
      (await filesWith(WORD)).filter((path) => path.startsWith('state')),
      'this test can fail',
    ).not.toEqual([]);
    expect((await filesWith(WORD)).filter((path) => path.startsWith('journal'))).toEqual([]);
    const admin = await world.token('carol', ['admins']);
    const auditor = await world.token('audrey', ['auditors']);
    const erase = (id: string, token: string, reason = 'request DSR-1') =>
      world.api(gateway, `/api/v1/sessions/${id}/erase`, { method: 'POST', token, body: { reason } });

    // Who may, and what keeps it.
    for (const token of [auditor, await world.token('bob')]) expect((await erase(alice, token)).status).not.toBe(200);
    expect(await erase(alice, await world.token('alice', ['admins']))).toMatchObject({ status: 403 });
    expect(await erase(alice, admin, ' ')).toMatchObject({ status: 400 });
    const live = await world.connect(gateway, await world.token('dan'));
    await eventually('the live session is listed', async () => {
      const { json } = await world.api(gateway, '/api/v1/sessions?name=dan', { token: auditor });
      return (json['sessions'] as unknown[]).length === 1;
    });
    const { json: ofDan } = await world.api(gateway, '/api/v1/sessions?name=dan', { token: auditor });
    expect((await erase((ofDan['sessions'] as { id: string }[])[0]?.id ?? '', admin)).json).toMatchObject({ error: { code: 'record.live' } });
    await live.end();
    const { json: hold } = await world.api(gateway, '/api/v1/holds', {
      method: 'POST',
      token: admin,
      body: { scope: 'session', value: alice, reason: 'case 1' },
    });
    expect(hold).toMatchObject({ scope: 'session', value: alice, addedBy: 'carol' });
    expect((await erase(alice, admin)).json).toMatchObject({ error: { code: 'record.held' } });
    expect((await world.api(gateway, '/api/v1/holds', { token: auditor })).json).toMatchObject({ holds: [{ id: hold['id'] }] });
    await world.api(gateway, `/api/v1/holds/${String(hold['id'])}/release`, { method: 'POST', token: admin, body: { reason: 'case closed' } });

    expect((await erase(alice, admin)).json).toEqual({ session: alice, state: 'erased', traces: 'none' });
    expect((await erase(alice, admin)).json).toEqual({ session: alice, state: 'erased-before', traces: 'none' });
    expect(await filesWith(WORD)).toEqual([]);
    expect((await filesWith(OTHER)).length).toBeGreaterThan(0);

    // What is left of it, and of the other.
    const { json: shown } = await world.api(gateway, `/api/v1/sessions/${alice}`, { token: auditor });
    expect(shown).toMatchObject({
      session: { content: 'erased', name: 'alice', reason: null, client: null, operations: 4 },
      operations: [],
      intact: true,
      problems: [],
    });
    expect((await world.api(gateway, `/api/v1/sessions/${alice}/export`, { token: auditor })).json).toMatchObject({ error: { code: 'record.erased' } });
    expect((await world.api(gateway, `/api/v1/operations?q=${WORD}table`, { token: auditor })).json).toMatchObject({ operations: [] });
    expect((await world.api(gateway, `/api/v1/sessions/${bob}`, { token: auditor })).json).toMatchObject({ session: { content: 'kept' }, intact: true });

    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    expect((await verify()).problems).toEqual([]);
    // The next start reads the journal again, and finds nothing more in it.
    gateway = await world.start();
    expect((await world.api(gateway, `/api/v1/operations?q=${WORD}table`, { token: auditor })).json).toMatchObject({ operations: [] });
    gateway.process.kill('SIGTERM');
    await gateway.exited;
    expect(await filesWith(WORD)).toEqual([]);
  });

  it('leaves every proof valid: that of the session, and of each operation without its text', async () => {
    const key = publicKeyBytes(readSigningKey((await readFile(join(data, 'audit-key'), 'utf8')).trim(), 'the key'));
    const keyring = await journalKeyring(data, null);
    for (const [subject, statement] of [
      ['sub-alice', null],
      ['sub-bob', `select '${OTHER}' as ${OTHER}column`],
    ] as const) {
      const id = ids[subject] ?? '';
      expect(checkSessionProof(JSON.stringify(await proveSession(data, id, null, keyring)), [key])).toMatchObject({ session: id, subject });
      const proof = await proveSession(data, id, 1, keyring);
      expect(checkSessionProof(JSON.stringify(proof), [key])).toMatchObject({ session: id, operation: 1, statement, outcome: 'ok, rows 1' });
      if (statement === null) continue;
      // A text that is not the one that was recorded proves nothing.
      const forged = JSON.parse(JSON.stringify(proof)) as { entries: { opening?: string }[] };
      for (const entry of forged.entries) if (entry.opening !== undefined) entry.opening = Buffer.from(`${'x'.repeat(16)}drop table all`).toString('base64');
      expect(() => checkSessionProof(JSON.stringify(forged), [key])).toThrow(/proof does not hold/);
    }
  });
});
