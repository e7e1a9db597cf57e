/**
 * What is hidden is in nothing that a whole gateway lets out or keeps: results, records and their exports, the index of operations, requests for approval,
 * the audit log and its sinks, evidence packs, its own log, the state database. Canaries are looked for in all of it (issue 4, redteam 6d).
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import { CANARIES, canariesIn, NUMBERS } from '../masking/canary.js';
import { CANARY_POLICY, CANARY_SCHEMA } from '../masking/canary-world.js';
import { hiddenStatements } from '../masking/generate/hidden-statements.js';
import { Dice } from '../redteam/dice.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const STATEMENTS = 120;
const POLICY = CANARY_POLICY.replace('  note: { treatment: mask }', '  note: { treatment: mask }\n  pin: { treatment: token }')
  .replace('data:', 'data:\n  bank.people.pin: { class: pin }')
  .replace(
    'masks:',
    'masks:\n  - { id: by-token, classes: [pin], resolve_tokens: true }\n  - { id: by-yes, classes: [note], subjects: { groups: [asking] }, treatment: clear, approval: { groups: [dba] }, unapproved: masked }',
  )
  .replace(
    'rules:',
    'rules:\n  - { id: ask, effect: require_approval, subjects: { groups: [asking] }, actions: [delete], resources: [relation: bank.customers], approval: { groups: [dba] } }',
  );

let world: GatewayWorld;
let home: CliHome;
let gateway: RunningGateway;
let auditor: string;
let dba: string;
let env: Record<string, string>;
const sessions: string[] = [];

beforeAll(async () => {
  await prepareParser();
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.writePolicy(POLICY);
  await world.configure({
    workers: 2,
    logLevel: 'debug',
    sinks: {
      files: [
        { name: 'archive', path: 'out/audit.ndjson', sensitive: true },
        { name: 'ocsf', path: 'out/ocsf.ndjson', format: 'ocsf', sensitive: true },
      ],
    },
  });
  await world.target.sql(CANARY_SCHEMA);
  await world.target.sql(`create table bank.people (pin text, word text); insert into bank.people values ('${CANARIES[0]?.text ?? ''}', 'here')`);
  gateway = await world.start();
  auditor = await world.token('audrey', ['auditors']);
  dba = await world.token('dora', ['dba']);
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  env = { GW_ID_TOKEN: auditor, GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
}, 120_000);
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

/** What it answered; an error counts as one, too. */
async function answer(client: pg.Client, text: string): Promise<unknown> {
  return client.query(text).then(
    (result) => result,
    (error: Error) => ({ ...error, message: error.message }),
  );
}
/** Identifiers made of digests and dashes hold any four characters by chance, and so do digests, signatures and other bytes in hex or base64. */
const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const HEX = /[0-9a-f]{40,}/g;
const BASE64 = /[A-Za-z0-9+/]{40,}/g;
/** What is looked through: the text without long runs of hex and base64, and what stands in these, wherever it begins in them. */
function layers(text: string): string[] {
  const inner: string[] = [];
  let rest = text.replaceAll(UUID, 'uuid');
  for (const [runs, encoding, step] of [
    [HEX, 'hex', 2],
    [BASE64, 'base64', 4],
  ] as const) {
    rest = rest.replaceAll(runs, (run) => {
      for (let at = 0; at < step; at++) inner.push(...layers(Buffer.from(run.slice(at), encoding).toString('latin1')));
      return ` ${encoding} `;
    });
  }
  return [rest, ...inner];
}
const clean = (what: string, content: string | Buffer): void => {
  const found = layers(Buffer.from(content).toString('latin1')).flatMap((text) => canariesIn(Buffer.from(text, 'latin1')));
  expect([what, found]).toEqual([what, []]);
};
const get = async (path: string, token = auditor): Promise<string> => (await world.api(gateway, path, { token })).text;

it.each([
  ['as it is', (text: string) => text],
  ['in base64, in the midst of more', (text: string) => Buffer.from(`${'x'.repeat(31)}${text}${'y'.repeat(30)}`).toString('base64')],
  ['in hex', (text: string) => `a${Buffer.from(`${'x'.repeat(31)}${text}`).toString('hex')}`],
  ['in base64 twice', (text: string) => Buffer.from(Buffer.from(`${'x'.repeat(40)}${text}`).toString('base64')).toString('base64')],
])('what is hidden would be seen %s', (_how, hide) => {
  for (const { text } of CANARIES) expect(() => clean('it', `{"payload":"${hide(text)}"}`)).toThrow();
});

it('nothing hidden comes down, by statements that try to show it, tokens, errors and requests', async () => {
  const client = await world.connect(gateway, await world.token('ann', ['engineers']));
  let answered = 0;
  // What a client of this kind is sent by COPY it does not read; others look at that.
  const statements = hiddenStatements(new Dice(20_261_126), STATEMENTS).filter(({ delivery }) => !delivery.startsWith('copy'));
  for (const { texts } of statements) {
    await answer(client, 'begin');
    for (const text of texts) {
      const shown = JSON.stringify(await answer(client, text));
      clean(text, shown);
      if (shown.includes('"rowCount":')) answered++;
    }
    await answer(client, 'rollback');
  }
  expect(answered).toBeGreaterThan(STATEMENTS / 2);
  clean('an error', JSON.stringify(await answer(client, 'select ssn::int from bank.customers')));
  const { rows } = await client.query<{ pin: string }>('select pin from bank.people');
  const [{ pin } = { pin: '' }] = rows;
  expect(pin).toMatch(/^tok_pin_/);
  expect((await client.query(`select word from bank.people where pin = '${pin}'`)).rows).toEqual([{ word: 'here' }]);
  expect((await client.query('select word from bank.people where pin = any ($1)', [[pin]])).rows).toEqual([{ word: 'here' }]);
  await client.end();
});

it('nothing of it is in requests for approval', async () => {
  const client = await world.connect(gateway, await world.token('max', ['asking']));
  for (const text of ['select note from bank.customers', "delete from bank.customers where ssn > 'L' returning note"]) {
    const held = answer(client, text);
    let request = '';
    await eventually('it is held', async () => {
      const listed = await get('/api/v1/requests?for=me&state=pending', dba);
      request = /"id":"(apr_\w+)"/.exec(listed)?.[1] ?? '';
      return request !== '';
    });
    // What the target says of it comes a moment later.
    await eventually('it is estimated', async () => !(await get(`/api/v1/requests/${request}`, dba)).includes('"estimate":null'));
    clean(text, await get(`/api/v1/requests/${request}`, dba));
    const { status } = await world.api(gateway, `/api/v1/requests/${request}/deny`, { token: dba, body: { reason: 'no' } });
    expect(status).toBe(200);
    clean(text, JSON.stringify(await held));
  }
  await client.end();
});

it('nothing of it is in records, exports, search, the audit log, sinks, packs and the log of the gateway', async () => {
  await eventually('all sessions have ended', async () => !(await get('/api/v1/sessions')).includes('"state":"live"'));
  const listed = JSON.parse(await get('/api/v1/sessions?limit=100')) as { sessions: { id: string }[] };
  sessions.push(...listed.sessions.map(({ id }) => id));
  expect(sessions).toHaveLength(2);
  const shown: string[] = [];
  for (const id of sessions) {
    for (let after = '0'; after !== ''; ) {
      const page = await get(`/api/v1/sessions/${id}?limit=100&after=${after}`);
      clean(`record of ${id}`, page);
      shown.push(page);
      after = /"next":(\d+)/.exec(page)?.[1] ?? '';
    }
    for (const format of ['ndjson', 'sql', 'asciicast']) {
      const text = await get(`/api/v1/sessions/${id}/export?format=${format}`);
      clean(`${format} of ${id}`, text);
      if (format === 'ndjson') for (const [, bytes = ''] of text.matchAll(/"([A-Za-z0-9+/=]{24,})"/g)) clean(`bytes of ${id}`, Buffer.from(bytes, 'base64'));
    }
  }
  expect(shown.join('')).toContain('"resolved":[{"class":"pin","rule":"policy/by-token","values":1}]');
  for (const query of ['', 'masked:ssn', 'relation:customers']) clean(`search ${query}`, await get(`/api/v1/operations?limit=1000&q=${query}`));
  clean('audit log', await get('/api/v1/audit/entries?limit=1000'));
  clean('requests', await get('/api/v1/requests?for=all'));
  clean('log of the gateway', JSON.stringify(gateway.log));
  await eventually('the sinks have what there is', async () =>
    (JSON.parse(await get('/api/v1/audit/sinks')) as { sinks: { waiting: number }[] }).sinks.every(({ waiting }) => waiting === 0),
  );
  const pack = join(home.folder, 'pack');
  expect(await home.run(['evidence', 'export', '--out', pack, '--from', '2020-01-01', '--sample', '1000'], { env })).toMatchObject({ code: 0 });
  for (const [what, dir] of [
    ['pack', pack],
    ['sink', join(world.dir, 'out')],
  ] as const) {
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
    expect(files.length).toBeGreaterThan(1);
    for (const each of files) clean(`${what} ${each.name}`, await readFile(join(each.parentPath, each.name)));
  }
}, 120_000);

it('nothing of it is in a file of the gateway: state database, journals, audit log', async () => {
  const whole = [...CANARIES.map(({ text }) => text), ...NUMBERS].flatMap((text) => [
    text,
    [...text].reverse().join(''),
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('base64').slice(0, -4),
  ]);
  const files = (await readdir(join(world.dir, 'data'), { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  let bytes = 0;
  for (const each of files) {
    const content = await readFile(join(each.parentPath, each.name)).catch((thrown: NodeJS.ErrnoException) => {
      // A file of the running database may go while this looks.
      if (thrown.code === 'ENOENT') return Buffer.alloc(0);
      throw thrown;
    });
    bytes += content.length;
    expect([each.name, whole.filter((text) => content.includes(text))]).toEqual([each.name, []]);
  }
  expect(bytes).toBeGreaterThan(1 << 20);
});

it('and somebody who may see it leaves it in his record, so the search finds it', async () => {
  const client = await world.connect(gateway, await world.token('vera', ['vault']));
  await client.query('select ssn from bank.customers');
  await client.end();
  let id = '';
  await eventually('the session has ended', async () => {
    const { sessions: all } = JSON.parse(await get('/api/v1/sessions?state=ended&limit=100')) as { sessions: { id: string }[] };
    id = all.find((each) => !sessions.includes(each.id))?.id ?? '';
    return id !== '';
  });
  expect(canariesIn(Buffer.from(await get(`/api/v1/sessions/${id}/export?format=asciicast`))).length).toBeGreaterThan(0);
});
