/**
 * Terminals that clients recorded, in packs of a real gateway: what was uploaded, what differs from the gateway's record and what is missing stand in the
 * tables, a gap where it is one, and nobody with the key of the log can tell it otherwise.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLeaf } from '../../src/audit/index.js';
import { Survey } from '../../src/evidence/survey.js';
import { terminalRecordings } from '../../src/evidence/terminal-recordings.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { edit, lines, signAgain, verifyBoth, withCopy } from './pack-tools.js';

let world: GatewayWorld;
let gateway: RunningGateway;
let home: CliHome;
let env: Record<string, string>;
let auditor: Record<string, string>;
let keyFile: string;
let pack: string;
/** Recordings by what became of them. */
const made: Record<string, string> = {};

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.configure({ workers: 2 });
  gateway = await world.start();
  home = await makeHome();
  const caFile = join(world.dir, 'ca.pem');
  await writeFile(caFile, world.ca);
  const common = { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile };
  env = { ...common, GW_ID_TOKEN: await world.token('alice') };
  auditor = { ...common, GW_ID_TOKEN: await world.token('audrey', ['auditors']) };
  keyFile = join(world.dir, 'audit.pub');
  await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);

  expect(await home.run(['exec', 'bank-db', '--', 'psql', '-Atc', 'select 1'], { env })).toMatchObject({ code: 0 });
  expect(await home.run(['exec', '--record', 'bank-db', '--', 'psql', '-Atc', 'select 2'], { env })).toMatchObject({ code: 0 });
  made['complete'] = await newest();
  made['missing'] = await killed();
  expect(await home.run(['recordings', 'rm', made['missing'], '--force'], { env })).toMatchObject({ code: 0 });
  made['damaged'] = await killed();
  const file = await spooled(made['damaged']);
  const bytes = await readFile(file);
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
  await writeFile(file, bytes);
  made['interrupted'] = await killed();
  expect(await home.run(['recordings', 'upload'], { env })).toMatchObject({ code: 0 });
  pack = await exported('pack');
}, 180_000);

afterAll(async () => {
  await world?.close();
  await home?.remove();
});

async function newest(): Promise<string> {
  const { json } = await world.api(gateway, '/api/v1/recordings', { token: env['GW_ID_TOKEN'] ?? '' });
  return (json['recordings'] as { id: string }[])[0]?.id ?? '';
}

/** gw and its program are killed in the middle of their output: the recording stays on the machine. */
async function killed(): Promise<string> {
  const cli = home.start(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'psql -Atc "select 3"; echo waits; exec sleep 600'], { env });
  await cli.stdoutHas('waits');
  cli.child.kill('SIGKILL');
  await cli.done;
  return newest();
}

async function spooled(recording: string): Promise<string> {
  const root = join(home.env['XDG_STATE_HOME'] ?? join(home.folder, '.local', 'state'), 'gw', 'recordings');
  for (const name of await readdir(root, { recursive: true })) if (name.includes(recording)) return join(root, name);
  throw new Error(`${recording} is not spooled`);
}

async function exported(name: string, ...argv: readonly string[]): Promise<string> {
  const out = join(world.dir, name);
  const done = await home.run(['evidence', 'export', '-o', out, ...(argv.length === 0 ? ['--from', '2026-01-01'] : argv)], { env: auditor });
  expect(done.code, done.stderr).toBe(0);
  return out;
}

/** Rows by column; of a quoted cell the quotes, and of one with a comma what comes after it, are left out. */
async function rows(of: string, file: string): Promise<Record<string, string>[]> {
  const [head = '', ...body] = lines(await readFile(join(of, file), 'utf8'));
  return body.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [head.split(',')[at], cell.replaceAll('"', '')])));
}

const terminals = async (of: string): Promise<Map<string, Record<string, string>>> =>
  new Map((await rows(of, 'E09/terminals.csv')).map((row) => [row['recording'] ?? '', row]));

describe('a pack', () => {
  it('tells of each recorded session what became of the recording, and verifies', async () => {
    const told = await terminals(pack);
    expect(Object.entries(made).map(([what, id]) => [what, told.get(id)?.['state']])).toEqual(Object.keys(made).map((what) => [what, what]));
    expect(told.size).toBe(4);
    expect(told.get(made['complete'] ?? '')).toMatchObject({ agrees: 'not compared', differs: '', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(told.get(made['interrupted'] ?? '')).toMatchObject({ agrees: 'false', differs: 'it ends before its program did' });
    expect(told.get(made['damaged'] ?? '')?.['differs']).toContain('a frame does not open with the key');
    expect(told.get(made['missing'] ?? '')).toMatchObject({ agrees: 'false', judged: '', sha256: '' });
    const { gw, script } = await verifyBoth(pack, keyFile);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
  });

  it('has a gap where a recording is missing, not whole or different, and none where it agrees', async () => {
    const gaps = (await rows(pack, 'E01/gaps.csv')).filter(({ what }) => what?.startsWith('terminal.'));
    expect(gaps.map(({ what, detail }) => [what, detail?.slice(0, 30)]).sort()).toEqual(
      ['damaged', 'interrupted', 'missing'].map((what) => [`terminal.${what}`, made[what]]),
    );
    const sessions = new Map([...(await terminals(pack))].map(([recording, { session }]) => [recording, session]));
    for (const { session, detail } of gaps) expect(sessions.get(detail?.slice(0, 30) ?? '')).toBe(session);
  });

  it('of one session reaches up to the upload, and tells of no other', async () => {
    const session = (await terminals(pack)).get(made['interrupted'] ?? '')?.['session'] ?? '';
    const one = await exported('one', '--session', session);
    expect([...(await terminals(one))].map(([recording, { state }]) => [recording, state])).toEqual([[made['interrupted'], 'interrupted']]);
    expect((await rows(one, 'E01/entries.csv')).map(({ kind }) => kind)).toContain('client_recording.judge');
    const { gw, script } = await verifyBoth(one, keyFile);
    expect([gw, script.code]).toEqual([[], 0]);
  });

  it('of a period that ends before the upload has the recording as missing, and the same bytes after it', async () => {
    const id = await killed();
    const before = await exported('before');
    const to = (JSON.parse(await readFile(join(before, 'E01', 'section.json'), 'utf8')) as { period: { to: string } }).period.to;
    expect((await terminals(before)).get(id)).toMatchObject({ state: 'missing' });
    expect(await home.run(['recordings', 'upload'], { env })).toMatchObject({ code: 0 });
    const again = await exported('again', '--from', '2026-01-01', '--to', to);
    expect(await readFile(join(again, 'manifest.json'))).toEqual(await readFile(join(before, 'manifest.json')));
    expect((await terminals(await exported('after'))).get(id)).toMatchObject({ state: 'interrupted' });
  });

  it.each([
    ['calls a damaged recording whole', 'E09/terminals.csv', (text: string) => text.replace(',damaged,false,', ',complete,true,')],
    ['calls one that was not compared the same', 'E09/terminals.csv', (text: string) => text.replace(',complete,not compared,', ',complete,true,')],
    ['leaves a missing one out', 'E09/terminals.csv', (text: string) => text.replace(/\n[^\n]*,missing,[^\n]*/, '')],
    ['takes a gap away', 'E01/gaps.csv', (text: string) => text.replace(/\n[^\n]*terminal\.missing[^\n]*/, '')],
  ])('shows when somebody with the key of the log %s', async (_what, file, change) => {
    const key: KeyObject = createPrivateKey({ key: await signingKey(), format: 'der', type: 'pkcs8' });
    await withCopy(pack, async (copy) => {
      await edit(copy, file, change);
      await signAgain(copy, key);
      const { gw, script } = await verifyBoth(copy, keyFile);
      expect([gw, script.code]).toEqual([['derived'], 1]);
    });
  });
});

async function signingKey(): Promise<Buffer> {
  const seed = Buffer.from((await readFile(join(world.dir, 'data', 'audit-key'), 'utf8')).trim(), 'hex');
  return Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
}

describe('a session that outlasts its recording', () => {
  const at = (seconds: number): string => new Date(Date.UTC(2026, 5, 1) + seconds * 1000).toISOString();
  const leaf = (n: number, seconds: number, kind: string, data: Record<string, unknown>): AuditLeaf => ({
    v: 1,
    n,
    time: at(seconds),
    kind,
    journal: 'j',
    data,
  });
  const who = { issuer: 'https://issuer.test', subject: 'alice' };
  const judged = { recording: 'rec_1', state: 'complete', digest: 'aa', createdAt: at(0), durationMs: 5_000, differences: 0, differs: '' };
  const by = { actorIssuer: who.issuer, actorSubject: who.subject };
  const scope = { from: Date.parse(at(0)), to: Date.parse(at(3600)), session: null } as Parameters<typeof terminalRecordings>[0]['scope'];

  function told(...leaves: readonly AuditLeaf[]): ReturnType<typeof terminalRecordings> {
    const survey = new Survey(scope);
    for (const each of [leaf(0, 1, 'session.start', { session: 'ses_1', number: 1, recording: 'rec_1', ...who }), ...leaves]) survey.take('test/0', each);
    survey.finish();
    return terminalRecordings({ survey, scope, starts: new Map() });
  }

  it.each([
    ['ended with it', [leaf(1, 14, 'session.end', { session: 'ses_1' })], ''],
    ['ended later', [leaf(1, 60, 'session.end', { session: 'ses_1' })], 'the session went on for 55 s after it ended'],
    ['has not ended', [], 'the session went on for at least 3595 s after it ended'],
    ['was cut off with its gateway', [leaf(1, 900, 'session.recovered', { session: 'ses_1' })], ''],
  ])('shows, whatever the upload said: it %s', (_what, ends, differs) => {
    expect(told(leaf(1, 6, 'client_recording.judge', { ...judged, ...by }), ...ends)).toMatchObject([{ state: 'complete', differs, isOwn: true }]);
  });

  it('is told apart from one whose recording somebody else uploaded', () => {
    expect(told(leaf(1, 6, 'client_recording.judge', { ...judged, ...by, actorSubject: 'mallory' }))).toMatchObject([{ isOwn: false }]);
  });
});
