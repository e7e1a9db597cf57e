/**
 * What is hidden is in nothing that a whole gateway lets out or keeps, after thousands of statements that try to show it: results, journals as they are read with their keys,
 * records and their exports, the index of operations, requests for approval and their notices, the audit log and its sinks (files, syslog, webhook), evidence packs, its own
 * log, every row of the state database, every file. Canaries are looked for in all of it (issue 4, redteam 6d).
 */
import { isUtf8 } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import { CANARIES, canariesIn, findCanaries, findCanariesInBinary, findCanariesInDocument, inWords } from '../masking/canary.js';
import { canariesInReplies } from '../masking/canary-replies.js';
import { CANARY_POLICY, CANARY_SCHEMA } from '../masking/canary-world.js';
import { hiddenStatements } from '../masking/generate/hidden-statements.js';
import { runHiddenStatements } from '../masking/generate/run-hidden-statements.js';
import { spelledStatements } from '../masking/generate/spelled-statements.js';
import { Dice } from '../redteam/dice.js';
import { eventually } from '../store/state-server.js';
import type { RawClient } from '../support/raw-client.js';
import { query } from '../support/raw-client.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { connectRaw, filesBelow, openedEntries, postReceiver, type Receiver, stateRows, syslogReceiver } from './everything-kept.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const RANDOM_STATEMENTS = 2_000;
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
let syslog: Receiver;
let posts: Receiver;
const sessions: string[] = [];

beforeAll(async () => {
  await prepareParser();
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  [syslog, posts] = await Promise.all([syslogReceiver(), postReceiver()]);
  await writeFile(join(world.dir, 'hook-url'), `http://127.0.0.1:${posts.port}/`, { mode: 0o600 });
  await writeFile(join(world.dir, 'hook-secret'), 'secret', { mode: 0o600 });
  const hook = { name: 'hook', url: { file: 'hook-url' }, secret: { file: 'hook-secret' } };
  await world.writePolicy(POLICY);
  await world.configure({
    workers: 2,
    logLevel: 'debug',
    sinks: {
      files: [
        { name: 'archive', path: 'out/audit.ndjson', sensitive: true },
        { name: 'ocsf', path: 'out/ocsf.ndjson', format: 'ocsf', sensitive: true },
      ],
      syslog: [{ name: 'siem', server: `127.0.0.1:${syslog.port}`, transport: 'tcp', format: 'ocsf', sensitive: true }],
      webhooks: [{ ...hook, sensitive: true }],
    },
    approvals: { notify: { webhooks: [hook] } },
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
  await syslog?.[Symbol.asyncDispose]();
  await posts?.[Symbol.asyncDispose]();
});

/** What it answered; an error counts as one, too. */
async function answer(client: pg.Client, text: string): Promise<unknown> {
  return client.query(text).then(
    (result) => result,
    (error: Error) => ({ ...error, message: error.message }),
  );
}

/** Documents have digests and identifiers between their words; what is no text (entries, ciphertext) holds any four bytes by chance. */
const clean = (what: string, content: string | Buffer): void => {
  const bytes = Buffer.from(content as Buffer);
  // Numbers and lengths may be UTF-8, too; a zero is in no text.
  const find = isUtf8(bytes) && !bytes.includes(0) ? findCanariesInDocument : findCanariesInBinary;
  expect([what, find(bytes).map(inWords)]).toEqual([what, []]);
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

const raw = async (person: string, group: string): Promise<RawClient> =>
  connectRaw(gateway.native['postgres'] ?? '', world.ca, 'bank-db', await world.token(person, [group]));

it('nothing hidden comes down, by more than five thousand statements that try to show it', async () => {
  const statements = [...spelledStatements(18).statements, ...hiddenStatements(new Dice(20_261_126), RANDOM_STATEMENTS)];
  expect(statements.length).toBeGreaterThan(5_000);
  const score = await runHiddenStatements(() => raw('ann', 'engineers'), statements);
  expect(score.shown.map(({ statement, canaries }) => [canaries, statement.delivery, statement.shape, statement.texts])).toEqual([]);
  expect(score.answered).toBeGreaterThan(statements.length * 0.7);
}, 300_000);

it('nothing hidden comes down by tokens and errors', async () => {
  const client = await world.connect(gateway, await world.token('ann', ['engineers']));
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
  // Four that ran statements, one with tokens, one that was held.
  expect(sessions).toHaveLength(6);
  const shown: string[] = [];
  let exported = 0;
  for (const id of sessions) {
    for (let after = '0'; after !== ''; ) {
      const page = await get(`/api/v1/sessions/${id}?limit=5000&after=${after}`);
      clean(`record of ${id}`, page);
      shown.push(page);
      after = /"next":(\d+)/.exec(page)?.[1] ?? '';
    }
    for (const format of ['ndjson', 'sql', 'asciicast']) {
      const text = await get(`/api/v1/sessions/${id}/export?format=${format}`);
      exported += text.length;
      clean(`${format} of ${id}`, text);
      if (format === 'ndjson') expect([id, canariesInExport(text)]).toEqual([id, []]);
    }
  }
  expect(exported).toBeGreaterThan(1 << 22);
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
    let files = 0;
    for await (const { name, content } of filesBelow(dir)) {
      files++;
      clean(`${what} ${name}`, content);
    }
    expect(files).toBeGreaterThan(1);
  }
  clean('syslog', syslog.bytes());
  clean('webhook', posts.bytes());
  // They did get entries, of the sessions and of what was held, and notices of it.
  expect(syslog.bytes().toString()).toMatch(/"class_uid":3002\b/);
  expect(posts.bytes().toString()).toMatch(/gw-event\naudit\.entries/);
  expect(posts.bytes().toString()).toMatch(/gw-event\n(?!audit\.entries)/);
  expect(posts.bytes().toString()).toMatch(/"kind":"approval\.\w+"/);
}, 300_000);

/** In the bytes that an export has in base64: messages as they were delivered. */
function canariesInExport(ndjson: string): string[] {
  const found: string[] = [];
  for (const [, base64 = ''] of ndjson.matchAll(/"base64":"([A-Za-z0-9+/=]+)"/g)) found.push(...canariesInMessages(Buffer.from(base64, 'base64')));
  return found;
}

function canariesInMessages(bytes: Buffer): string[] {
  const messages: { type: string; body: Buffer }[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1))
    messages.push({ type: String.fromCharCode(bytes[at] ?? 0), body: bytes.subarray(at + 5, at + 1 + bytes.readUInt32BE(at + 1)) });
  return [...findCanaries(bytes), ...canariesInReplies(messages)].map(inWords);
}

it('nothing of it is in the journals, as they are read with their keys', async () => {
  let bytes = 0;
  for await (const { journal, payload } of openedEntries(join(world.dir, 'data'))) {
    bytes += payload.length;
    clean(journal, payload);
  }
  expect(bytes).toBeGreaterThan(1 << 22);
}, 120_000);

it('nothing of it is in the rows of the state database', async () => {
  const { tables, rows } = await stateRows(join(world.dir, 'data'));
  expect(tables).toBeGreaterThan(10);
  expect(rows.length).toBeGreaterThan(RANDOM_STATEMENTS);
  clean('state database', rows.join('\n'));
}, 120_000);

it('nothing of it is in a file of the gateway: state database, journals, audit log, keys, configuration', async () => {
  let bytes = 0;
  for await (const { path, content } of filesBelow(world.dir)) {
    bytes += content.length;
    expect([path, findCanaries(content, 'random').map(inWords)]).toEqual([path, []]);
  }
  expect(bytes).toBeGreaterThan(1 << 24);
}, 120_000);

it('and somebody who may see it leaves it in his record, so the search finds it there', async () => {
  const client = await raw('vera', 'vault');
  await client.run(query('select ssn, card, dob from bank.customers'));
  await client.run(query('select ascii(substr(ssn, g, 1)) from bank.customers, generate_series(1, 19) g where id = 1'));
  client.close();
  let id = '';
  await eventually('the session has ended', async () => {
    const { sessions: all } = JSON.parse(await get('/api/v1/sessions?state=ended&limit=100')) as { sessions: { id: string }[] };
    id = all.find((each) => !sessions.includes(each.id))?.id ?? '';
    return id !== '';
  });
  const exported = async (format: string): Promise<string> => get(`/api/v1/sessions/${id}/export?format=${format}`);
  expect(canariesIn(Buffer.from(await exported('asciicast'))).length).toBeGreaterThan(0);
  const found = canariesInExport(await exported('ndjson')).join('\n');
  for (const kind of ['as it is', 'digits', 'date', 'character codes']) expect(found).toContain(`, ${kind}: `);
  const journalled: string[] = [];
  for await (const { payload } of openedEntries(join(world.dir, 'data'))) journalled.push(...findCanaries(payload, 'random').map(inWords));
  expect(journalled.length).toBeGreaterThan(0);
}, 120_000);
