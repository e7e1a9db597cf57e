/** Packs for every framework: OSCAL that is valid, with a finding for each control of it and no other, and a crosswalk that names all controls with evidence that is there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVIDENCE_FRAMEWORKS } from '../../src/contract/evidence-types.js';
import { CONTROLS } from '../../src/evidence/controls.js';
import { FRAMEWORKS } from '../../src/evidence/pack-scope.js';
import { start } from '../recording/session-fixture.js';
import { ROOT } from '../support/build-cli.js';
import { history } from './pack-history.js';
import { filesOf, verifyBoth } from './pack-tools.js';
import { ALLOW, BEGIN, DAY, MINUTE, operate, PackWorld } from './pack-world.js';

interface Finding {
  readonly uuid: string;
  readonly title: string;
  readonly target: { readonly 'target-id': string; readonly status: { readonly state: string } };
  readonly 'related-observations': readonly { readonly 'observation-uuid': string }[];
}

interface Result {
  readonly title: string;
  readonly observations: readonly { readonly uuid: string; readonly title: string; readonly links?: readonly { readonly href: string }[] }[];
  readonly findings: readonly Finding[];
  readonly 'reviewed-controls': { readonly 'control-selections': readonly { readonly 'include-controls': readonly { readonly 'control-id': string }[] }[] };
}

let world: PackWorld;
let valid: ValidateFunction;
beforeAll(async () => {
  world = await PackWorld.create();
  await history(world, {});
  const schema = JSON.parse(await readFile(join(ROOT, 'test', 'formats', 'oscal', 'assessment-results-1.2.1.schema.json'), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: true });
  addFormats.default(ajv);
  valid = ajv.compile(schema);
});
afterAll(async () => {
  await world?.remove();
});

/** Rows of a table by column. */
async function table(file: string): Promise<Record<string, string>[]> {
  const cells = (line: string): string[] =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
  const [head = '', ...body] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const columns = cells(head);
  return body.map((line) => Object.fromEntries(cells(line).map((cell, at) => [columns[at], cell])));
}

describe.each(EVIDENCE_FRAMEWORKS)('a pack for %s', (framework) => {
  it('has a finding for each of its controls, resting on observations and files that are there', async () => {
    const { pack } = await world.export(`pack-${framework}`, { framework });
    const text = await readFile(join(pack, 'oscal', 'ar.json'), 'utf8');
    expect(valid(JSON.parse(text)), JSON.stringify(valid.errors?.slice(0, 3))).toBe(true);
    // The schema sees a finding without its target.
    expect(valid(JSON.parse(text.replace('"target-id"', '"target"')))).toBe(false);
    const [result] = (JSON.parse(text) as { 'assessment-results': { results: Result[] } })['assessment-results'].results;
    if (result === undefined) throw new Error('there is no result');
    const own = CONTROLS.filter((control) => control.framework === framework);
    expect(result.title).toBe(FRAMEWORKS[framework]);
    expect(own.length).toBeGreaterThan(4);
    expect(result.findings.map(({ title }) => title)).toEqual(own.map(({ control }) => control));
    // Two controls with one name could not be told apart.
    const targets = result.findings.map(({ target }) => target['target-id']);
    expect(new Set(targets).size).toBe(own.length);
    expect(new Set(result.findings.map(({ uuid }) => uuid)).size).toBe(own.length);
    expect(result['reviewed-controls']['control-selections'][0]?.['include-controls'].map((each) => each['control-id'])).toEqual(targets);
    const files = new Set(await filesOf(pack));
    const observed = new Map(result.observations.map(({ uuid, title }) => [uuid, title]));
    for (const { href } of result.observations.flatMap(({ links = [] }) => links)) expect(files.has(href.replace('../', '')), href).toBe(true);
    const crosswalk = await table(join(pack, 'crosswalk.csv'));
    for (const [at, finding] of result.findings.entries()) {
      const sections = new Set(finding['related-observations'].map((each) => observed.get(each['observation-uuid'])?.slice(0, 3)));
      expect([finding.title, [...sections].sort()]).toEqual([finding.title, [...(own[at]?.sections ?? [])].sort()]);
      const row = crosswalk.find((each) => each['framework'] === FRAMEWORKS[framework] && each['control'] === finding.title);
      expect([finding.title, row?.['evidence']]).toEqual([finding.title, finding.target.status.state === 'satisfied' ? 'supports' : 'does not support']);
    }
    const { gw, script } = await verifyBoth(pack, world.keyFile);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
  });
});

it('the crosswalk has all controls of all frameworks, each with sections and with files that are there', async () => {
  const { pack } = await world.export('crosswalk', { framework: 'ffiec' });
  const crosswalk = await table(join(pack, 'crosswalk.csv'));
  expect(crosswalk.map((row) => [row['framework'], row['control']])).toEqual(CONTROLS.map((each) => [FRAMEWORKS[each.framework], each.control]));
  expect(new Set(crosswalk.map((row) => row['framework']))).toEqual(new Set(Object.values(FRAMEWORKS)));
  const files = new Set(await filesOf(pack));
  for (const [at, row] of crosswalk.entries()) {
    const named = (row['files'] ?? '').split(' ').filter((each) => each !== '');
    expect((row['sections'] ?? '').split(' ').sort(), row['control']).toEqual([...(CONTROLS[at]?.sections ?? [])].sort());
    expect(named.length, row['control']).toBeGreaterThan(0);
    for (const file of named) expect(files.has(file), `${row['control']} names ${file}`).toBe(true);
    let rows = 0;
    for (const file of named) rows += (await table(join(pack, file))).length;
    expect([row['control'], row['rows']]).toEqual([row['control'], String(rows)]);
    expect(row['question'], row['control']).toMatch(/\S/);
    expect(row['reasons'] === '', row['control']).toBe(row['evidence'] === 'supports');
  }
});

it('calls no control supported that asks for what gw does not record, and says what that is', async () => {
  const { pack } = await world.export('lacking', { framework: 'nydfs' });
  const crosswalk = await table(join(pack, 'crosswalk.csv'));
  const of = (control: string) => crosswalk.find((row) => row['control'] === control);
  for (const [control, lacking] of [
    ['500.12', 'were authenticated (amr, acr)'],
    ['IS Obj.6.23b; II.C.15(c)', 'were authenticated (amr, acr)'],
    ['AIO Obj.14.3; VI.A.3', 'were authenticated (amr, acr)'],
    ['IA-2', 'were authenticated (amr, acr)'],
    ['IS Obj.6.20a-c', 'who approved'],
    ['10.6', 'offset'],
    ['AIO Obj.15.7; VI.B.7', 'false positives'],
    ['CC8.1', 'approved a policy'],
    ['10.4.1.1', 'reviews of the log'],
  ] as const) {
    expect([control, of(control)?.['evidence']]).toEqual([control, 'does not support']);
    expect(of(control)?.['reasons'], control).toContain(lacking);
  }
  // The others rest on their sections alone.
  expect(of('500.14')?.['evidence']).toBe('supports');
  const gaps = async (section: string) =>
    (JSON.parse(await readFile(join(pack, section, 'section.json'), 'utf8')) as { notRecorded: string[] }).notRecorded.join();
  expect(await gaps('E09')).toContain('were authenticated (amr, acr)');
  expect(await gaps('E02')).toContain('no entry gateway.roles of the period');
});

it('takes the word of the identity provider for how logins were authenticated, where it is there for each session', async () => {
  const { identity } = start('');
  const said = await PackWorld.create();
  try {
    await said.run('wrk_a', async ({ session }) => {
      await session('ses_a', (recorder) => operate(recorder, 1, 'select 1', ALLOW), {
        operations: 1,
        start: { identity: { ...identity, amr: ['pwd', 'otp', 'mfa'], acr: 'urn:bank:strong' } },
      });
      await session('ses_b', () => undefined, { start: { identity: { ...identity, acr: '2' } } });
    });
    const { pack } = await said.export('said', { framework: 'nydfs' });
    expect((await table(join(pack, 'E09', 'sessions.csv'))).map(({ amr, acr }) => [amr, acr])).toEqual([
      ['pwd otp mfa', 'urn:bank:strong'],
      ['', '2'],
    ]);
    const crosswalk = await table(join(pack, 'crosswalk.csv'));
    for (const control of ['500.12', 'IA-2', 'AIO Obj.14.3; VI.A.3'])
      expect(crosswalk.find((row) => row['control'] === control)).toMatchObject({ evidence: 'supports', reasons: '' });
    const { gw, script } = await verifyBoth(pack, said.keyFile);
    expect([gw, script.code], script.text).toEqual([[], 0]);
  } finally {
    await said.remove();
  }
});

it('calls nothing supported for a period before there was a log', async () => {
  const before = BEGIN - 30 * DAY;
  const { pack } = await world.export('before', { framework: 'ffiec', from: before, to: before + DAY });
  const crosswalk = await table(join(pack, 'crosswalk.csv'));
  expect(new Set(crosswalk.map((row) => row['evidence']))).toEqual(new Set(['does not support']));
  expect(await readFile(join(pack, '00-scope.md'), 'utf8')).toContain('No log of the gateway has an entry of the period');
  const { gw, script } = await verifyBoth(pack, world.keyFile);
  expect([gw, script.code]).toEqual([[], 0]);
});

it('says when the record of a log begins, where that is later than the period does', async () => {
  const scope = async (name: string, from: number): Promise<string> => readFile(join((await world.export(name, { from })).pack, '00-scope.md'), 'utf8');
  expect(await scope('year', BEGIN - 365 * DAY)).toContain(
    `\n- Begin of the record: bank/0 ${new Date(BEGIN).toISOString()}. It is later than that of the period; of the time before, such a log tells nothing.\n`,
  );
  for (const from of [BEGIN, BEGIN + MINUTE]) expect(await scope(`from-${from}`, from)).not.toContain('Begin of the record');
});

it('counts apart what policy alone allowed, what ran by an approval, and what was blocked', async () => {
  const { pack } = await world.export('figures', {});
  const metrics = await table(join(pack, 'E16', 'metrics.csv'));
  const operations = await table(join(pack, 'E04', 'operations.csv'));
  const figure = (name: string) => metrics.filter((row) => row['metric'] === name).reduce((sum, row) => sum + Number(row['value']), 0);
  const counted = (which: (row: Record<string, string>) => boolean) => operations.filter(which).length;
  const asked = ({ verdict, approval }: Record<string, string>) => verdict === 'allow' && approval !== '';
  expect(counted(asked)).toBeGreaterThan(0);
  expect(figure('operations_allowed_by_approval')).toBe(counted(asked));
  expect(figure('operations_allowed_by_policy_alone')).toBe(counted((row) => row['verdict'] === 'allow' && !asked(row)));
  expect(figure('operations')).toBe(operations.length);
});
