/**
 * Errors that say that a name, a type or the syntax is wrong: functions that PostgreSQL brings say so of the values that they are given. Words that may
 * be a value are not shown; those about the text itself are, because people mistype names.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, fields, parse, query, type Reply, sync } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld();
  await canary.server.sql(`
    create view bank.counted as with x as materialized (select ssn::int as y from bank.customers) select count(*) from x;
    create view bank.chosen as select id from bank.customers where ssn::int = 1;
  `);
});
afterAll(() => canary[Symbol.asyncDispose]());

const errorOf = (replies: readonly Reply[]): ReadonlyMap<string, string> => {
  const [error] = replies.filter(({ type }) => type === 'E');
  return new Map(error === undefined ? [] : Object.entries(fields(error)));
};
const HIDDEN = 'What the server says here may hold values of the table; policy does not show it.';

describe('an error about a name that is a value', () => {
  it.each([
    ['42P01', 'select quote_ident(ssn)::regclass from bank.customers', 'a relation does not exist'],
    ['42704', 'select quote_ident(note)::regrole from bank.customers where id = 2', 'an object does not exist'],
    ['42704', 'select current_setting(ssn) from bank.customers', 'an object does not exist'],
    ['42883', "select (quote_ident(ssn) || '(int)')::regprocedure from bank.customers", 'a function or operator does not exist'],
    ['42601', "select (ssn || ' &')::tsquery from bank.customers", 'syntax error'],
    ['42601', 'select ssn::regtype from bank.customers', null],
    ['3F000', "select has_schema_privilege(ssn, 'usage') from bank.customers", 'a schema does not exist'],
    ['3D000', "select has_database_privilege(card::text, 'connect') from bank.customers", 'a database does not exist'],
    ['42P01', 'select quote_ident(bank.ssn_of(1))::regclass', 'a relation does not exist'],
    ['42703', "select has_column_privilege('bank.plain', ssn, 'select') from bank.customers", 'a column does not exist'],
    // ---- what nobody would have been shown
    ['22P02', 'with x as materialized (select ssn::int as y from bank.customers) select count(*) from x', 'a value does not fit (data exception)'],
    ['42P01', 'with x as materialized (select quote_ident(ssn)::regclass from bank.customers) select 1 from x', 'a relation does not exist'],
    ['22P02', 'select * from bank.counted', 'a value does not fit (data exception)'],
    ['22P02', 'select * from bank.chosen', 'a value does not fit (data exception)'],
  ])('%s: %s', async (code, text, words) => {
    const { client, canaries } = await canary.login();
    const simple = errorOf(await client.run(query(text)));
    const extended = errorOf(await client.run(Buffer.concat([parse('', text), bind('', ''), execute(''), sync()])));
    client.close();
    expect(canaries()).toEqual([]);
    for (const error of [simple, extended]) {
      expect(error.get('C')).toBe(code);
      expect(error.get('D')).toBe(HIDDEN);
      if (words !== null) expect(error.get('M')).toBe(words);
    }
  });

  it('tells letter by letter nothing of it, whatever the text names', async () => {
    const { client } = await canary.login();
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].join(' ');
    const error = errorOf(await client.run(query(`select quote_ident(substr(ssn, 1, 1))::regclass /* ${letters} */ from bank.customers`)));
    client.close();
    expect(error.get('M')).toBe('a relation does not exist');
  });
});

describe('an error about the text', () => {
  it.each([
    ['select snn from bank.customers', '42703', 'column "snn" does not exist'],
    ['select ssn from bank.custmers', '42P01', 'relation "bank.custmers" does not exist'],
    ['select ssn, from bank.customers', '42601', 'syntax error at or near "from"'],
    ['select ssn + 1 from bank.customers', '42883', 'operator does not exist: text + integer'],
    ["select ssn, 'plain'::regclass from bank.customers", '42P01', 'relation "plain" does not exist'],
    ['select id from bank.customers group by ssn', '42803', 'column "customers.id" must appear in the GROUP BY clause or be used in an aggregate function'],
  ])('%s', async (text, code, words) => {
    const { client } = await canary.login();
    for (const message of [query(text), Buffer.concat([parse('', text), bind('', ''), execute(''), sync()])]) {
      const error = errorOf(await client.run(message));
      expect([error.get('C'), error.get('M')]).toEqual([code, words]);
      expect(error.get('P')).toMatch(/^\d+$/);
    }
    client.close();
  });

  it('comes with its hint', async () => {
    const { client } = await canary.login();
    const error = errorOf(await client.run(query('select snn from bank.customers')));
    client.close();
    expect(error.get('H')).toBe('Perhaps you meant to reference the column "customers.ssn".');
  });

  it('is said as well where the statement touches nothing hidden', async () => {
    const { client } = await canary.login();
    const error = errorOf(await client.run(query("select current_setting(word) from bank.plain where word = 'hello'")));
    client.close();
    expect(error.get('M')).toBe('unrecognized configuration parameter "hello"');
  });
});
