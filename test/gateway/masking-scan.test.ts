/**
 * `gw masking scan` as somebody uses it: the real command against a real gateway and database. What it writes is loaded as policy and masks the columns
 * that it named, and no value of the database is in anything that left the gateway or that it keeps.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CANARIES, canariesIn } from '../masking/canary.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, OPEN_POLICY, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const ROWS = 40;
/** Values that are in no text but the database: what they are like is found by detectors, or said by a name. */
const ssn = (index: number): string => `77${(index % 9) + 1}-4${index % 10}-${2000 + index}`;
const email = (index: number): string => `${CANARIES[0]?.text.toLowerCase() ?? ''}.${index}@canary-bank.example`;
const SECRETS = Array.from({ length: ROWS }, (_, index) => [ssn(index), email(index)]).flat();

let world: GatewayWorld;
let home: CliHome;
let gateway: RunningGateway;
let env: Record<string, string>;

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.configure({ workers: 2, logLevel: 'debug' });
  const list = (make: (index: number) => string): string => `(array[${Array.from({ length: ROWS }, (_, index) => `'${make(index)}'`).join(',')}])[i]`;
  await world.target.sql(`create schema crm;
    create table crm.people (id int, x text, "E-Mail Address" text, comment text, surname text, amount int);
    insert into crm.people select i, ${list(ssn)}, ${list(email)}, case when i % 4 = 0 then 'please call ' || ${list(email)} || ' about it' else 'nothing' end, '${CANARIES[2]?.text ?? ''}', i from generate_series(1, ${ROWS}) i;
    create table crm.secret (ssn text); create table crm.orders (id int, order_no text); insert into crm.orders select i, 100000000 + i from generate_series(1, 50) i`);
  gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  env = { GW_ID_TOKEN: await world.token('ada', ['admins']), GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem') };
}, 120_000);
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

const clean = (what: string, content: Buffer): void => {
  const text = content.toString('latin1');
  expect([what, SECRETS.filter((secret) => text.includes(secret)), canariesIn(content)]).toEqual([what, [], []]);
};
async function cleanFiles(): Promise<number> {
  const files = (await readdir(join(world.dir, 'data'), { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  let bytes = 0;
  for (const each of files) {
    // The database of the gateway holds numbers and names of any kind, so there whole values are looked for.
    const content = await readFile(join(each.parentPath, each.name)).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return Buffer.alloc(0);
      throw thrown;
    });
    bytes += content.length;
    const whole = [...SECRETS, ...CANARIES.map(({ text }) => text)].filter((secret) => content.includes(secret));
    expect([each.name, whole]).toEqual([each.name, []]);
  }
  return bytes;
}

let proposed: string;

it('proposes the columns that hold something, with how sure it is and why, and shows no value', async () => {
  const { code, stdout, stderr } = await home.run(['masking', 'scan', 'bank-db'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/Looked at \d+ values of \d+ columns of bank-db: 5 proposals\./) as string });
  proposed = stdout;
  clean('stdout', Buffer.from(stdout));
  clean('stderr', Buffer.from(stderr));
  const { version, data } = parse(stdout) as { version: number; data: Record<string, unknown> };
  expect(version).toBe(1);
  expect(data).toEqual({
    'crm.people.x': { class: 'ssn' },
    'crm.people."E-Mail Address"': { class: 'email' },
    'crm.people.comment': { class: 'free_text' },
    'crm.people.surname': { class: 'name' },
    'crm.secret.ssn': { class: 'ssn' },
  });
  for (const why of [
    `# 0.90: ${ROWS} of ${ROWS} values look like it`,
    `# 0.99: ${ROWS} of ${ROWS} values look like it, and so does its name`,
    `# 0.65: 10 of ${ROWS} values hold email within other text`,
    '# 0.70: its name says so',
    '# 0.90: its name says so; it holds no values',
  ])
    expect(stdout).toContain(`  ${why}\n`);
});

it('says the same in JSON, leaves out what is less likely, and is refused to others', async () => {
  const json = await home.run(['masking', 'scan', 'bank-db', '--json', '--confidence', '0.9', '--rows', '10'], { env });
  clean('json', Buffer.from(json.stdout));
  const { proposals } = JSON.parse(json.stdout) as { proposals: { column: string; confidence: number; why: string }[] };
  expect(proposals.map(({ column }) => column).sort()).toEqual(['crm.people."E-Mail Address"', 'crm.people.x', 'crm.secret.ssn']);
  expect(proposals.find(({ column }) => column === 'crm.people.x')).toMatchObject({ confidence: 0.9, why: '10 of 10 values look like it' });
  const other = await home.run(['masking', 'scan', 'bank-db'], { env: { ...env, GW_ID_TOKEN: await world.token('eve') } });
  expect(other.code).not.toBe(0);
  expect(other.stdout).toBe('');
});

it('nothing of the values is in the log, the audit log, the records or the files of the gateway', async () => {
  const auditor = await world.token('audrey', ['auditors']);
  // What was written last is found as soon as a checkpoint covers it.
  await eventually('the scans are in the audit log', async () => {
    const entries = await world.api(gateway, '/api/v1/audit/entries?limit=1000', { token: auditor });
    clean('audit log', Buffer.from(entries.text));
    return entries.text.split('"kind":"masking.scan"').length === 3;
  });
  clean('log', Buffer.from(JSON.stringify(gateway.log)));
  expect(await cleanFiles()).toBeGreaterThan(1 << 20);
});

it('what it wrote is a policy that a gateway loads, and its columns are masked, and no others', async () => {
  const client = await world.connect(gateway, await world.token('ann'));
  const text = 'select x, "E-Mail Address" as mail, comment, surname, amount, (select max(order_no) from crm.orders) as max from crm.people where id = 4';
  expect((await client.query<Record<string, unknown>>(text)).rows[0]).toMatchObject({ x: ssn(3), mail: email(3) });
  // As its header says: version, and `data`. The rules that the gateway has stay what they are.
  const { data } = parse(proposed) as { data: object };
  await world.writePolicy(`${OPEN_POLICY}\ndata: ${JSON.stringify(data)}\n`);
  await writeFile(join(world.dir, 'data.yaml'), proposed);
  const check = await home.run(['policy', 'check', join(world.dir, 'data.yaml')], {});
  expect(check.code).toBe(0);
  gateway.process.kill('SIGHUP');
  await eventually('it is in force', async () => {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows[0]?.['x'] === `***-**-${ssn(3).slice(-4)}`;
  });
  expect((await client.query(text)).rows).toEqual([
    {
      x: `***-**-${ssn(3).slice(-4)}`,
      mail: expect.stringMatching(/^.\*\*\*@canary-bank\.example$/) as unknown,
      comment: '****',
      surname: '****',
      amount: 4,
      max: '100000050',
    },
  ]);
  await client.end();
  const { stderr, stdout } = await home.run(['masking', 'scan', 'bank-db'], { env });
  expect(stderr).toMatch(/: 0 proposals; 5 columns tagged already\./);
  expect(stdout).toBe('');
});
