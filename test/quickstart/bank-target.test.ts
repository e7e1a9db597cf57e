/** The bank: the same everywhere, complete, consistent, and with numbers that a detector takes for real. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountLines, CUSTOMERS, customerLines, entryLines, noteLines } from '../../src/quickstart/bank-rows.js';
import { type BankTarget, startBankTarget } from '../../src/quickstart/bank-target.js';
import { type Authority, openAuthority } from '../../src/quickstart/certificates.js';

const lines = (source: Iterable<string>): string[][] => [...source].map((line) => line.slice(0, -1).split('\t'));
const digest = (source: Iterable<string>): string => {
  const hash = createHash('sha256');
  for (const line of source) hash.update(line);
  return hash.digest('hex');
};

function luhn(digits: string): boolean {
  let sum = 0;
  [...digits].reverse().forEach((char, index) => {
    const value = Number(char) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

const aba = (digits: string): boolean => [...digits].reduce((sum, char, index) => sum + Number(char) * ([3, 7, 1][index % 3] ?? 0), 0) % 10 === 0;

describe('rows', () => {
  test('are the same in every run and on every machine', () => {
    // A change of these digests is a change of everybody's demo: make it on purpose.
    expect({
      customers: digest(customerLines(CUSTOMERS)),
      accounts: digest(accountLines(CUSTOMERS)),
      entries: digest(entryLines(CUSTOMERS)),
      notes: digest(noteLines(CUSTOMERS)),
    }).toMatchInlineSnapshot(`
      {
        "accounts": "cf57aa3328b29cff38c912c4df13cdf6f6994a4b4470f2640645284a1b0ff2e5",
        "customers": "d2b6a3deeb90bb30f86984cef19f53631bf65216d62bfc741325044eea9d04c5",
        "entries": "d2866688b031b41c7ccfa3f22ff2f901d2949c9dfb05d62d37ff4b63f222212f",
        "notes": "3ec93d9143b6496ac9c8d0a06f00cb5d3d40ae6b144b71e330f253b1efdeca76",
      }
    `);
  });

  test('do not depend on how many there are: scale 2 begins with scale 1', () => {
    const longer = [...customerLines(2 * CUSTOMERS)];
    expect(longer.slice(0, CUSTOMERS)).toEqual([...customerLines(CUSTOMERS)]);
    expect(new Set(longer).size).toBe(2 * CUSTOMERS);
  });

  test('SSNs are valid by rule, unique, and from areas not issued before 2011; customers are older', () => {
    const seen = new Set<string>();
    for (const [, , ssn = '', dob = ''] of lines(customerLines(5 * CUSTOMERS))) {
      const match = /^(\d{3})-(\d{2})-(\d{4})$/.exec(ssn);
      const area = Number(match?.[1]);
      expect(area >= 773 && area <= 899 && area !== 888 && match?.[2] !== '00' && match?.[3] !== '0000', ssn).toBe(true);
      expect(dob < '2005-01-01' && dob >= '1938-01-01', dob).toBe(true);
      seen.add(ssn);
    }
    expect(seen.size).toBe(5 * CUSTOMERS);
  });

  test('cards pass Luhn, accounts the ABA check; both are unique; phones and mail are fictional', () => {
    const cards = new Set<string>();
    const accounts = new Set<string>();
    for (const [, , , , email = '', phone = '', account = '', card = ''] of lines(customerLines(5 * CUSTOMERS))) {
      expect(luhn(card), card).toBe(true);
      expect(card).toMatch(/^(?:424242|400000|411111|555555|510510|222300|601111)\d{10}$|^378282\d{9}$/);
      expect(/^[67]\d{8}$/.test(account) && aba(account), account).toBe(true);
      expect(email).toMatch(/^[a-z.]+\.\d+@example\.(?:com|net|org)$/);
      expect(phone).toMatch(/^\+1 \d{3}-555-01\d\d$/);
      cards.add(card);
      accounts.add(account);
    }
    expect(cards.size).toBe(5 * CUSTOMERS);
    expect(accounts.size).toBe(5 * CUSTOMERS);
  });

  test('support notes hold such values inside free text, in several spellings', () => {
    const notes = lines(noteLines(CUSTOMERS)).map(([, , note = '']) => note);
    for (const pattern of [
      /\b\d{3}-\d{2}-\d{4}\b/,
      /\b\d{4} \d{4} \d{4} \d{4}\b/,
      /\b\d{4}-\d{4}-\d{4}-\d{4}\b/,
      /\b\d{16}\b/,
      /\b\d{9}\b/,
      /@example\./,
      /555-01\d\d/,
    ]) {
      expect(notes.filter((note) => pattern.test(note)).length, String(pattern)).toBeGreaterThan(20);
    }
    expect(notes.filter((note) => !/\d{4}/.test(note)).length).toBeGreaterThan(100);
  });
});

describe('the database', () => {
  let top = '';
  let authority: Authority;
  let bank: BankTarget;
  let client: pg.Client;

  const start = async (scale: number | null) =>
    startBankTarget({ directory: join(top, 'targets', 'bank-db'), base: top, port: 0, scale, tls: await authority.issue('bank-db') });
  const one = async (sql: string): Promise<Record<string, unknown>> => (await client.query<Record<string, unknown>>(sql)).rows[0] ?? {};

  beforeAll(async () => {
    top = mkdtempSync(join(tmpdir(), 'gw-bank-'));
    chmodSync(top, 0o711);
    authority = await openAuthority(join(top, 'authority'));
    bank = await start(2);
    client = new pg.Client({ connectionString: bank.directUrl.expose() });
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await bank.stop();
    rmSync(top, { recursive: true });
  });

  test('holds every table, view and row, at the scale asked for', async () => {
    expect(
      await one(
        'select (select count(*)::int from bank.customers) as customers, (select count(*)::int from bank.customer_contacts) as contacts, (select count(*)::int from bank.customer_search) as search',
      ),
    ).toEqual({ customers: 4000, contacts: 4000, search: 4000 });
    const counts = await one(
      'select (select count(*)::int from bank.accounts) as a, (select count(*)::int from ledger.entries) as e, (select count(*)::int from bank.support_notes) as n',
    );
    expect(counts).toEqual({ a: [...accountLines(4000)].length, e: [...entryLines(4000)].length, n: [...noteLines(4000)].length });
    const { rows } = await client.query(
      "select table_schema || '.' || table_name || ': ' || string_agg(column_name, ', ' order by ordinal_position) as t from information_schema.columns where table_schema in ('bank', 'ledger') group by table_schema, table_name order by 1",
    );
    expect(rows.map((row: { t: string }) => row.t)).toEqual([
      'bank.accounts: id, customer_id, account_number, balance',
      'bank.customer_contacts: id, full_name, email, phone',
      'bank.customers: id, full_name, ssn, dob, email, phone, account_number, card_number',
      'bank.support_notes: id, customer_id, note',
      'ledger.entries: id, account_id, amount, currency, booked_at, memo',
    ]);
  });

  test('agrees with itself: balances are sums, first accounts are the customers own, foreign keys hold', async () => {
    expect(
      await one('select count(*)::int as n from bank.accounts a where balance <> (select sum(amount) from ledger.entries e where e.account_id = a.id)'),
    ).toEqual({ n: 0 });
    expect(
      await one(
        'select count(*)::int as n from bank.customers c where not exists (select 1 from bank.accounts a where a.customer_id = c.id and a.account_number = c.account_number)',
      ),
    ).toEqual({ n: 0 });
    expect(
      await one(
        "select count(*)::int as n from pg_constraint where contype = 'f' and convalidated and connamespace in ('bank'::regnamespace, 'ledger'::regnamespace)",
      ),
    ).toEqual({ n: 3 });
    await expect(client.query('delete from bank.customers where id = 1')).rejects.toMatchObject({ code: '23503' });
    expect(
      await one(
        "insert into bank.customers (full_name, ssn, dob, email, phone, account_number, card_number) values ('x', '1', now(), 'x', 'x', 'x', 'x') returning id::int",
      ),
    ).toEqual({ id: 4001 });
    await client.query('delete from bank.customers where id = 4001');
  });

  test('the role of the gateway reads and writes, owns nothing and is no superuser', async () => {
    const role = new pg.Client({ connectionString: bank.directRoleUrl.expose() });
    await role.connect();
    expect((await role.query('update bank.support_notes set note = note where id = 1')).rowCount).toBe(1);
    await role.query('insert into bank.support_notes (customer_id, note) values (1, $1)', ['x']);
    expect((await role.query("delete from bank.support_notes where note = 'x'")).rowCount).toBe(1);
    await expect(role.query('drop table bank.customers')).rejects.toMatchObject({ code: '42501' });
    await expect(role.query("copy bank.customers to program 'cat'")).rejects.toMatchObject({ code: '42501' });
    await expect(role.query('truncate bank.customers cascade')).rejects.toMatchObject({ code: '42501' });
    expect(
      (
        await role.query(
          'select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication as any, (select count(*)::int from pg_class where relowner = r.oid) as owns from pg_roles r where rolname = current_user',
        )
      ).rows,
    ).toEqual([{ any: false, owns: 0 }]);
    await role.end();
    expect(statSync(bank.passwordFile).mode & 0o777).toBe(0o600);
  });

  test('speaks TLS that verifies under the authority of this world, and not under another', async () => {
    const connect = async (ca: string): Promise<void> => {
      const url = new URL(bank.directUrl.expose());
      const tls = new pg.Client({
        host: 'localhost',
        port: bank.port,
        user: 'postgres',
        password: decodeURIComponent(url.password),
        database: 'bank',
        ssl: { ca, rejectUnauthorized: true, servername: 'localhost' },
      });
      tls.on('error', () => undefined);
      await tls.connect();
      await tls.end();
    };
    await connect(authority.certificate);
    const other = await openAuthority(join(top, 'other-authority'));
    await expect(connect(other.certificate)).rejects.toThrow(/certificate|signature/);
  });

  test('keeps what was changed over a restart, and refuses another scale rather than forget it', async () => {
    await client.query("update bank.customers set full_name = 'Changed Person' where id = 7");
    await client.end();
    await bank.stop();
    await expect(start(3)).rejects.toMatchObject({ code: 'usage.invalid', message: expect.stringContaining('--scale 2') as string });
    bank = await start(null);
    client = new pg.Client({ connectionString: bank.directUrl.expose() });
    await client.connect();
    expect(bank.scale).toBe(2);
    expect(await one('select full_name from bank.customers where id = 7')).toEqual({ full_name: 'Changed Person' });
  });
});
