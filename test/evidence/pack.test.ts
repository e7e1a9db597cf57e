/** Packs of a real gateway: what is in them, that others can read and check them, and that the same period gives the same bytes. */
import { execFile } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dsse } from '@sigstore/core';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseVerifierKey } from '../../src/audit/index.js';
import { preAuthEncoding } from '../../src/evidence/manifest.js';
import { ROOT } from '../support/build-cli.js';
import { copyLive } from '../support/copy-live.js';
import { isEnvelopeSigned, isIncluded } from '../support/other-verifier.js';
import { playCast, screenOf } from '../support/played-cast.js';
import { type EvidenceWorld, startEvidenceWorld } from './evidence-world.js';
import { digestsOf, filesOf, lines, runScript, verifyBoth } from './pack-tools.js';

const exec = promisify(execFile);
const FROM = '2026-01-01';
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

let world: EvidenceWorld;
let dir: string;
let pack: string;
/** End of the period of `pack`. */
let to: string;

beforeAll(async () => {
  world = await startEvidenceWorld(2);
  dir = world.world.dir;
  pack = join(dir, 'pack');
  const exported = await world.gw('evidence', 'export', '--from', FROM, '-o', pack, '--json');
  expect(exported.stderr).toBe('');
  to = (JSON.parse(exported.stdout) as { to: string }).to;
}, 120_000);
afterAll(async () => {
  await world?.close();
});

const read = (file: string, of = pack): Promise<string> => readFile(join(of, file), 'utf8');
const json = async (file: string, of = pack): Promise<Record<string, unknown>> => JSON.parse(await read(file, of)) as Record<string, unknown>;

/** Rows of a table by column; a cell may have quotes, none has a line break here. */
async function rows(file: string, of = pack): Promise<Record<string, string>[]> {
  const cells = (line: string): string[] =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
  const [head = '', ...body] = lines(await read(file, of));
  const columns = cells(head);
  return body.map((line) => Object.fromEntries(cells(line).map((cell, at) => [columns[at], cell])));
}

describe('a pack', () => {
  it('verifies, with the same result for gw and for the script', async () => {
    const { gw, script } = await verifyBoth(pack, world.keyFile);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
    const said = await world.home.run(['evidence', 'verify', pack, '--key', world.keyFile]);
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expect(said.stdout).toContain('verifies');
    const own = await runScript(pack, world.keyFile);
    expect(own.text).toContain('4 sessions');
  });

  it('of a closed period has the same bytes when it is exported again, later, by a gateway whose log has grown', async () => {
    const client = await world.world.connect(world.gateway, await world.world.token('alice'));
    await client.query('select 1 as later');
    await client.end();
    for (const name of ['again', 'and-again']) {
      const again = join(dir, name);
      expect(await world.gw('evidence', 'export', '--from', FROM, '--to', to, '-o', again)).toMatchObject({ code: 0 });
      expect(await digestsOf(again)).toEqual(await digestsOf(pack));
    }
  });

  it('has every section with its tables, queries, counts and checks', async () => {
    for (let number = 1; number <= 16; number++) {
      const id = `E${String(number).padStart(2, '0')}`;
      const section = await json(`${id}/section.json`);
      expect(section).toMatchObject({ section: id, period: { to } });
      for (const file of section['files'] as { path: string; rows: number; query: string }[]) {
        expect(file.query, file.path).not.toBe('');
        expect(await rows(file.path), file.path).toHaveLength(file.rows);
      }
      expect((section['checks'] as { passed: boolean | null }[]).filter(({ passed }) => passed === false)).toEqual([]);
      // What gw does not record is said, and no control rests on it, whatever checks there are.
      if (['E03', 'E11', 'E13'].includes(id)) expect(section).toMatchObject({ state: 'absent', absence: expect.stringMatching(/\S/) as string });
    }
  });

  it('tells what was done, refused, approved, masked and seen in clear, by whom', async () => {
    const operations = await rows('E04/operations.csv');
    expect(operations).toHaveLength(7);
    for (const file of ['E04/operations.csv', 'E06/operations.csv', 'E07/clear.csv', 'E09/sessions.csv'])
      expect([...new Set((await rows(file)).map(({ assurance }) => assurance))], file).toEqual(['enforced']);
    expect(operations.find(({ statement }) => statement?.startsWith('select name, ssn'))).toMatchObject({
      name: 'alice',
      status: 'ok',
      rows: '8',
      masked: 'ssn:partial:8 pan:mask:8',
      statement_sha256: createHash('sha256').update('select name, ssn, card from bank.customers order by id').digest('hex'),
    });
    const approvals = await rows('E05/approvals.csv');
    expect(approvals.map(({ requester_name: who, state, approvers, uses }) => [who, state, approvers, uses])).toEqual([
      ['alice', 'used', 'rita', '1'],
      ['bob', 'denied', '', '0'],
    ]);
    expect(
      (await rows('E05/steps.csv')).filter(({ step }) => step === 'approval.approve').map(({ name, amr, acr, refused }) => [name, amr, acr, refused]),
    ).toEqual([
      ['alice', '', '', 'approval.not_yours'],
      ['rita', 'pwd mfa', 'urn:bank:strong', ''],
    ]);
    expect(approvals[0]).toMatchObject({ statement: 'delete from bank.customers where id = 8', operations: `${world.sessions.get('alice') ?? ''}#3` });
    expect((await rows('E02/roles.csv')).map(({ role, issuer, group, subject }) => [role, issuer, group, subject])).toEqual([
      ['admin', world.world.issuer.url, 'admins', ''],
      ['auditor', world.world.issuer.url, 'auditors', ''],
    ]);
    expect((await rows('E06/operations.csv')).map(({ name, rule, target_reached: reached }) => [name, rule, reached]).sort()).toEqual([
      ['alice', 'policy/no-drop', 'no'],
      ['bob', 'policy/ask-for-deletes', 'no'],
    ]);
    expect((await rows('E06/calls.csv')).map(({ kind }) => kind).sort()).toEqual(['api.denied', 'api.denied', 'login.refused']);
    expect(await rows('E07/masked.csv')).toHaveLength(2);
    expect(await rows('E07/clear.csv')).toEqual([expect.objectContaining({ name: 'fay', class: 'ssn', rule: 'policy/fraud-sees-numbers', values: '1' })]);
    expect((await rows('E07/scan.csv')).filter(({ class: name }) => name === 'ssn')).toEqual([expect.objectContaining({ values: '1', permitted: 'true' })]);
    expect((await rows('E08/changes.csv')).map(({ kind }) => kind)).toContain('policy.change');
    expect((await rows('E10/readers.csv')).map(({ name, kind }) => [name, kind])).toContainEqual(['audrey', 'log.read']);
    expect(await rows('E12/agents.csv')).toEqual([expect.objectContaining({ subject: 'ci-runner', on_behalf_of: 'sub-robot', on_behalf_verified: 'true' })]);
    expect((await rows('E09/sessions.csv')).map(({ name, amr, acr }) => [name, amr, acr])).toEqual([
      ['alice', 'pwd mfa', 'urn:bank:strong'],
      ['bob', '', ''],
      ['fay', '', ''],
      ['ci-runner', '', ''],
    ]);
    // Nothing that a spreadsheet would carry out; nothing in clear but what was permitted.
    expect(await read('E04/operations.csv')).not.toMatch(/(^|,)[=+@]/m);
    for (const file of await filesOf(pack))
      if (!file.includes(world.sessions.get('fay') ?? '-')) expect((await readFile(join(pack, file))).includes('4111111111111111'), file).toBe(false);
  });

  it('accounts for every entry of the log', async () => {
    for (const { kind, entries, in_tables: told } of await rows('E01/entries.csv')) expect([kind, told]).toEqual([kind, entries]);
    const kinds = (await rows('E01/entries.csv')).map(({ kind }) => kind);
    for (const kind of ['session.start', 'session.end', 'operation.deny', 'data.clear', 'data.masked', 'approval.use', 'login.refused'])
      expect(kinds).toContain(kind);
  });

  it('draws a sample that can be drawn again from the roots of the logs and the word of the examiner', async () => {
    const out = join(dir, 'drawn');
    expect((await world.gw('evidence', 'export', '--from', FROM, '--to', to, '--sample', '2', '--nonce', 'granite', '-o', out)).code).toBe(0);
    const roots = (await rows('E01/logs.csv', out)).map(({ root }) => Buffer.from(root ?? '', 'hex'));
    const seed = createHash('sha256').update(Buffer.concat(roots)).update('granite').digest('hex');
    const rank = (item: string): string =>
      createHash('sha256')
        .update(seed + item)
        .digest('hex');
    const all = (await rows('E09/sessions.csv', out)).map(({ session }) => session ?? '');
    const wanted = all.sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, 2);
    const items = (await rows('E14/items.csv', out)).filter(({ population }) => population === 'E09 sessions');
    expect(items.map(({ item }) => item)).toEqual(wanted);
    expect((await readdir(join(out, 'sessions'))).sort()).toEqual([...wanted].sort());
    // Results of the others are not in it.
    const { gw, script } = await verifyBoth(out, world.keyFile);
    expect([gw, script.code]).toEqual([[], 0]);
  });
});

describe('what others wrote', () => {
  it('the assessment results are valid OSCAL 1.2.1, and a broken copy is not', async () => {
    const schema = JSON.parse(await readFile(join(ROOT, 'test', 'formats', 'oscal', 'assessment-results-1.2.1.schema.json'), 'utf8')) as object;
    const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: true });
    addFormats.default(ajv);
    const valid = ajv.compile(schema);
    const results = await json('oscal/ar.json');
    expect(valid(results), JSON.stringify(valid.errors?.slice(0, 3))).toBe(true);
    const text = await read('oscal/ar.json');
    expect(valid(JSON.parse(text.replace('"not-satisfied"', '"perhaps"')))).toBe(false);
    expect(valid(JSON.parse(text.replace('"import-ap"', '"import"')))).toBe(false);
    const [result] = (results['assessment-results'] as { results: { findings: { title: string; target: { status: { state: string } } }[] }[] }).results;
    const states = new Map(result?.findings.map(({ title, target }) => [title, target.status.state]));
    expect(states.get('IS Obj.10.1; Obj.10.4')).toBe('satisfied');
    // Reviews of rights are not recorded by gw.
    expect(states.get('IS Obj.6.8c; II.C.7(b)')).toBe('not-satisfied');
  });

  it('the envelope is DSSE: its signature holds over the encoding of another implementation, and for openssl', async () => {
    const envelope = JSON.parse(await read('manifest.dsse.json')) as { payloadType: string; payload: string; signatures: { sig: string }[] };
    const payload = Buffer.from(envelope.payload, 'base64');
    const encoded = dsse.preAuthEncoding(envelope.payloadType, payload);
    expect(preAuthEncoding(envelope.payloadType, payload).equals(encoded)).toBe(true);
    const der = Buffer.concat([SPKI, parseVerifierKey((await readFile(world.keyFile, 'utf8')).split('\n')[0] ?? '').key]);
    const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    expect(verify(null, encoded, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)).toBe(true);
    expect(payload.toString('utf8')).toBe(await read('manifest.json'));
    expect(JSON.parse(payload.toString('utf8'))).toMatchObject({ _type: 'https://in-toto.io/Statement/v1', predicateType: 'urn:gw:evidence-pack:v1' });
    const at = (name: string): string => join(dir, name);
    await writeFile(at('pae'), encoded);
    await writeFile(at('sig'), signature);
    await writeFile(at('key.der'), der);
    const openssl = (data: string) =>
      exec('openssl', ['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', at('key.der'), '-rawin', '-in', data, '-sigfile', at('sig')]);
    expect((await openssl(at('pae'))).stdout).toContain('Verified Successfully');
    await writeFile(at('other'), Buffer.concat([encoded, Buffer.of(0)]));
    await expect(openssl(at('other'))).rejects.toThrow();
  });

  it('envelope and proofs hold for @sigstore/verify, and do not when they are changed', async () => {
    const { key } = parseVerifierKey((await readFile(world.keyFile, 'utf8')).split('\n')[0] ?? '');
    const envelope = JSON.parse(await read('manifest.dsse.json')) as Parameters<typeof isEnvelopeSigned>[0];
    expect(isEnvelopeSigned(envelope, key)).toBe(true);
    expect(isEnvelopeSigned({ ...envelope, payloadType: 'application/json' }, key)).toBe(false);
    expect(isEnvelopeSigned({ ...envelope, payload: Buffer.from(await read('00-scope.md')).toString('base64') }, key)).toBe(false);
    const proofs = (await filesOf(pack)).filter((file) => file.endsWith('.tlog-proof'));
    expect(proofs).toHaveLength(8);
    for (const file of proofs) {
      // C2SP tlog-proof: a head, the entry as extra data, its place, the path; then the checkpoint.
      const [head = '', checkpoint = ''] = (await read(file)).split(/\n\n(.*)/s);
      const [format, extra = '', index = '', ...path] = head.split('\n');
      expect(format).toBe('c2sp.org/tlog-proof@v1');
      const inclusion = {
        leaf: Buffer.from(extra.replace(/^extra /, ''), 'base64'),
        index: Number(index.replace(/^index /, '')),
        path: path.map((hash) => Buffer.from(hash, 'base64')),
        checkpoint,
      };
      const origin = checkpoint.slice(0, checkpoint.indexOf('\n'));
      expect(isIncluded(inclusion, origin, key), file).toBe(true);
      expect(isIncluded({ ...inclusion, leaf: Buffer.concat([inclusion.leaf, Buffer.of(10)]) }, origin, key), file).toBe(false);
      expect(isIncluded({ ...inclusion, index: inclusion.index + 1 }, origin, key), file).toBe(false);
    }
  });

  it("replays are read by asciinema's player", async () => {
    const casts = (await filesOf(pack)).filter((file) => file.endsWith('replay.cast'));
    expect(casts).toHaveLength(4);
    for (const file of casts) {
      const screen = JSON.stringify(await screenOf(await playCast(await read(file))));
      expect(screen, file).toContain('the session ended: client');
      if (file.includes(world.sessions.get('fay') ?? '-')) expect(screen).toContain('select ssn from bank.customers where id = 1');
    }
    await expect(playCast((await read(casts[0] ?? '')).replace('"version":3', '"version":4'))).rejects.toThrow('v4 format not supported');
  });

  it('the report is one file without scripts and without anything from elsewhere', async () => {
    const report = await read('report.html');
    expect(report).not.toMatch(/<script|<link|<img|src=|@import|url\(|https?:\/\//i);
    expect(report).toContain('Access evidence');
    expect(report).toContain('IS Obj.6.20d; II.C.15');
    expect(report).not.toMatch(/FFIEC compliant/i);
  });
});

describe('of one session', () => {
  it('holds that session whole, and of the others nothing but hashes and what the log says in the open', async () => {
    const out = join(dir, 'one');
    const alice = world.sessions.get('alice') ?? '';
    const exported = await world.gw('evidence', 'export', '--session', alice, '-o', out);
    expect(exported.code, exported.stderr).toBe(0);
    expect(await readdir(join(out, 'sessions'))).toEqual([alice]);
    expect((await rows('E09/sessions.csv', out)).map(({ session }) => session)).toEqual([alice]);
    expect(new Set((await rows('E04/operations.csv', out)).map(({ session }) => session))).toEqual(new Set([alice]));
    expect((await json(`sessions/${alice}/approval.json`, out))['approvals']).toMatchObject([
      {
        requesterName: 'alice',
        steps: [{ kind: 'approval.hold' }, { name: 'alice', refused: 'approval.not_yours' }, { name: 'rita', refused: null }, { kind: 'approval.use' }],
      },
    ]);
    const { gw, script } = await verifyBoth(out, world.keyFile);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
    for (const file of await filesOf(out)) expect((await readFile(join(out, file))).includes('=cmd('), file).toBe(false);
    expect((await world.gw('evidence', 'export', '--session', 'ses_00000000000000000000000000', '-o', join(dir, 'none'))).code).toBe(1);
  });
});

describe('an export', () => {
  it('is for auditors, and is in the log itself', async () => {
    const alice = { ...world.auditor, GW_ID_TOKEN: await world.world.token('alice') };
    const refused = await world.home.run(['evidence', 'export', '--from', FROM, '-o', join(dir, 'hers')], { env: alice });
    expect(refused.code).toBe(3);
    const out = join(dir, 'later');
    expect((await world.gw('evidence', 'export', '--from', FROM, '-o', out)).code).toBe(0);
    const reads = (await rows('E10/readers.csv', out)).filter(({ kind }) => kind === 'evidence.export');
    expect(reads[0]).toMatchObject({ name: 'audrey', subject: 'sub-audrey' });
    expect(reads[0]?.['what']).toContain('framework=ffiec');
  });

  it('of a period that is not closed is refused, with the end that is possible', async () => {
    const open = await world.home.run([
      'evidence',
      'export',
      '--data',
      world.data,
      '--from',
      FROM,
      '--to',
      new Date(Date.now()).toISOString(),
      '-o',
      join(dir, 'open'),
      '--json',
    ]);
    expect(open.code).toBe(75);
    const { error } = JSON.parse(open.stdout) as { error: { code: string; hint: string } };
    expect(error.code).toBe('evidence.open');
    expect(error.hint).toMatch(/--to 20\d\d-/);
    expect((await world.gw('evidence', 'export', '--from', FROM, '--to', '2999-01-01', '-o', join(dir, 'open'))).code).toBe(2);
    expect((await world.gw('evidence', 'export', '--from', 'yesterday', '-o', join(dir, 'open'))).code).toBe(2);
    expect(await readdir(dir)).not.toContain('open');
  });

  it('never writes over anything, and takes away what an earlier one left', async () => {
    const out = join(dir, 'taken');
    await mkdir(out);
    await writeFile(join(out, 'mine'), 'mine');
    expect((await world.gw('evidence', 'export', '--from', FROM, '-o', out)).code).toBe(2);
    expect(await readdir(out)).toEqual(['mine']);
    const stale = join(dir, 'stale');
    await mkdir(`${stale}.part`);
    await writeFile(join(`${stale}.part`, 'left'), 'over');
    expect((await world.gw('evidence', 'export', '--from', FROM, '--to', to, '-o', stale)).code).toBe(0);
    expect(await digestsOf(stale)).toEqual(await digestsOf(pack));
    expect(await readdir(dir)).not.toContain('stale.part');
  });

  it('out of a copy of the files, without a gateway, gives the same records and proofs, and says what it could not have', async () => {
    const copy = join(dir, 'copy');
    await copyLive(world.data, copy, /lock$|\/state/);
    const out = join(dir, 'offline');
    const exported = await world.home.run(['evidence', 'export', '--data', copy, '--from', FROM, '--to', to, '-o', out]);
    expect(exported.code).toBe(0);
    expect(exported.stderr).toContain('E08.versions does not hold');
    const [here, there] = [await digestsOf(out), await digestsOf(pack)];
    for (const file of Object.keys(there))
      if (/^(log|journal|sessions|E04|E05|E06|E07|E09|E10)\//.test(file)) expect([file, here[file]]).toEqual([file, there[file]]);
    const { gw, script } = await verifyBoth(out, world.keyFile);
    expect([gw, script.code]).toEqual([[], 0]);
  });
});
