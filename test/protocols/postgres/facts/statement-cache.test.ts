/**
 * The shape cache may never say of a text what a fresh look would not say: random literals, random tokens and random bytes against
 * `analyseText`. A short hash or an over-eager lexer here would be a bypass of policy.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { type Analysis, analyseText, prepareParser, StatementCache } from '../../../../src/protocols/postgres/facts/index.js';
import { writeShape } from '../../../../src/protocols/postgres/facts/shape.js';
import { fc } from '../../../support/fast-check.js';
import { STATEMENTS } from './every-statement.js';
import honest from './honest-statements.json' with { type: 'json' };

beforeAll(prepareParser);

function analyse(cache: StatementCache, text: string | Buffer): Analysis {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  // Somewhere within a larger buffer, as on the wire.
  const wire = Buffer.concat([Buffer.from("LIMIT '"), bytes, Buffer.from("'\0 5")]);
  return cache.analyse(wire, 7, 7 + bytes.length);
}

function shapeOf(text: string): string | null {
  const bytes = Buffer.from(text);
  const scratch = Buffer.alloc(bytes.length);
  const length = writeShape(bytes, 0, bytes.length, scratch);
  return length < 0 ? null : scratch.toString('latin1', 0, length);
}

/** What must be equal: all that a decision or a session can see. */
const visible = ({ facts, statements }: Analysis) => ({ facts, statements: statements.map(({ kind, name, all }) => ({ kind, name, all })) });

describe('sharing', () => {
  test.each([
    ['SELECT abalance FROM pgbench_accounts WHERE aid = 123;', 'SELECT abalance FROM pgbench_accounts WHERE aid = 98765;'],
    ["INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (22, 'it''s é')"],
    ["UPDATE t SET a = 1.5, b = -7 WHERE id = 1 AND c = 'x'", "UPDATE t SET a = 99.25, b = -123456789 WHERE id = 2 AND c = ''"],
    ['DELETE FROM t WHERE id IN (1, 2)', 'DELETE FROM t WHERE id IN (3, 4)'],
    ['SELECT a FROM t WHERE b = 1 LIMIT 10', 'SELECT a FROM t WHERE b = 2 LIMIT 10'],
    ["SELECT a FROM t WHERE b LIKE 'x%'", "SELECT a FROM t WHERE b LIKE '%'"],
  ])('%s', (one, other) => {
    const cache = new StatementCache();
    const first = analyse(cache, one);
    expect(first.shareable).toBe(true);
    expect(analyse(cache, other)).toBe(first);
    expect(visible(first)).toEqual(visible(analyseText(other)));
  });

  test.each([
    ["DELETE FROM t WHERE v LIKE 'abc%'", "DELETE FROM t WHERE v LIKE '%'", 'pattern'],
    ["SELECT set_config('work_mem', '1', false)", "SELECT set_config('role', 'x', false)", 'setting'],
    ['SELECT a FROM t LIMIT 10', 'SELECT a FROM t LIMIT 100000', 'limit'],
    ['SELECT a FROM t FETCH FIRST 10 ROWS ONLY', 'SELECT a FROM t FETCH FIRST 100000 ROWS ONLY', 'fetch first'],
    ['SELECT a FROM t LIMIT -1', 'SELECT a FROM t LIMIT -2', 'signed limit'],
    ['SELECT 1::float(20)', 'SELECT 1::float(60)', 'a number that the grammar judges'],
    ['SET work_mem = 1', 'SET work_mem = 2', 'SET'],
    ["SELECT pg_notify('a', 'x')", "SELECT pg_notify('b', 'x')", 'channel'],
    ['PREPARE p AS SELECT 1', 'PREPARE p AS SELECT 2', 'PREPARE'],
    ['SELECT 1; SELECT 2', 'SELECT 1; SELECT 3', 'two statements'],
    ['SELECT 5', 'SELECT 5000000000', 'integers of another type'],
    ['SELECT 5', "SELECT '5'", 'strings and numbers'],
  ])('%s and %s keep apart (%s)', (one, other) => {
    const cache = new StatementCache();
    expect(analyse(cache, one)).not.toBe(analyse(cache, other));
    expect(visible(analyse(cache, other))).toEqual(visible(analyseText(other)));
  });

  test('the same bytes give the same object, with or without a shape', () => {
    const cache = new StatementCache();
    for (const text of ['/* c */ select 1', "select E'\\n'", 'begin', 'not sql', 'select 1']) expect(analyse(cache, text)).toBe(analyse(cache, text));
  });

  test('a secret is shared with nobody', () => {
    const cache = new StatementCache();
    analyse(cache, "SELECT dblink_connect('password=one')");
    expect(analyse(cache, "SELECT dblink_connect('password=two')").facts.redacted).toBe("SELECT dblink_connect('***')");
    expect(analyse(cache, "SELECT dblink_connect('host=three')").facts.redacted).toBeNull();
  });
});

describe('the shape lexer leaves alone what is subtle', () => {
  test.each([
    "select '\\'; drop table t; --'",
    "select 'a\\b'",
    "select '\\' where a = '1'",
    "select e'x'",
    "select E'x'",
    "select b'1'",
    "select x'1f'",
    "select n'x'",
    "select u&'x'",
    'select u&"x"',
    'select $$x$$',
    'select $a$x$a$',
    'select 1 -- x',
    'select 1 /* x */',
    'select 1_000',
    'select 0x1f',
    'select 0b1',
    'select 0o7',
    'select 1e5',
    'select 1.5e5',
    'select 1a',
    'select 1..2',
    'select .5',
    'select é',
    'select a$1',
    'select $1a',
    'select "a\\b"',
    'select "é"',
    'select \u0001',
    'select \u0002',
    'select \u0003',
    "select 'x",
    'select "x',
    'select \u00a01',
    "select 'x'y",
    "select x'y",
    "select 1'x'",
    'select \x7f',
    'select \v1',
  ])('%j', (text) => {
    expect(shapeOf(text)).toBeNull();
  });

  test('invalid UTF-8 has no shape and is unknown', () => {
    const cache = new StatementCache();
    const bad = Buffer.concat([Buffer.from("select '"), Buffer.from([0xc3]), Buffer.from("'")]);
    expect(writeShape(bad, 0, bad.length, Buffer.alloc(bad.length))).toBe(-1);
    expect(analyse(cache, bad).facts.unknown).toEqual(['not valid UTF-8']);
  });

  test('literals are lifted, everything else stays', () => {
    expect(shapeOf("select a1, 'x''y', 12, 1.5, $2, -3 from t where \"A 1\" = 1234567890 limit 10 offset 20")).toBe(
      'select a1, \u0001, \u0002, \u0003, $2, -\u0002 from t where "A 1" = \u0003 limit 10 offset \u0002',
    );
  });
});

describe('bounds', () => {
  test('a small cache forgets and stays right', () => {
    const cache = new StatementCache({ entries: 4, bytes: 2000 });
    for (let i = 0; i < 50; i++) {
      const text = `select a${String(i % 9)} from t where b = ${String(i)}`;
      expect(visible(analyse(cache, text))).toEqual(visible(analyseText(text)));
    }
  });

  test('texts beyond the limits are unknown, not remembered by shape, and never thrown at anyone', () => {
    const cache = new StatementCache();
    expect(analyse(cache, `select '${'x'.repeat(300_000)}'`).facts.unknown).toEqual(['longer than 262144 bytes']);
    expect(analyse(cache, `select '${'x'.repeat(20_000)}'`).facts.unknown).toEqual([]);
  });
});

describe('properties', () => {
  const string = fc
    .oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', '%', 'abc%', "'", 'role', 'password=x', '--', '$$', '/*'))
    .map((value) => `'${value.replaceAll('\0', '').replaceAll("'", "''")}'`);
  const number = fc.oneof(
    fc.nat().map(String),
    fc.constantFrom('0', '00', '1.5', '0.', '2147483647', '2147483648', '9999999999', '123456789', '1234567890', '1e5', '.5', '0x1F', '1_0'),
  );
  const literal = fc.oneof(string, number, fc.constantFrom('true', 'null', '$1', "E'\\''", "b'1'", '-1'));
  const template = fc.constantFrom(
    'SELECT a FROM t WHERE b = ? AND c = ?',
    'SELECT a FROM t WHERE b = ? LIMIT ?',
    'SELECT a FROM t LIMIT ? OFFSET ?',
    'DELETE FROM t WHERE id = ?',
    'DELETE FROM t WHERE v LIKE ?',
    'DELETE FROM t WHERE ? = ?',
    'DELETE FROM t WHERE ?',
    'UPDATE t SET a = ? WHERE id IN (?, ?) OR v ILIKE ?',
    'INSERT INTO t VALUES (?, ?)',
    'SELECT set_config(?, ?, ?)',
    'SELECT ?::float(?), ?::varchar(?)',
    'SELECT interval ? , date ?',
    'SELECT a FROM t FETCH FIRST ? ROWS ONLY',
    'SELECT ? ? FROM t',
    'SELECT ?\n?',
    'SELECT dblink(?, ?)',
    'SELECT * FROM pg_settings WHERE name = ?',
    'SELECT set_config(name, ?, ?) FROM pg_settings WHERE name = ?',
    'SELECT json_value(a, ?) FROM t',
    'SELECT a[?:?] FROM t ORDER BY ?',
    'SELECT pg_notify(?, ?)',
    'SELECT a FROM t WHERE b BETWEEN ? AND ?; ',
    'SELECT ?; SELECT ?',
    'COPY t TO ?',
    'SET x = ?',
    'EXPLAIN ANALYZE DELETE FROM t WHERE id = ?',
    'SELECT a -? FROM t',
    'SELECT a?b, "?"',
    'WITH x AS (DELETE FROM t WHERE id > ? RETURNING *) SELECT * FROM x LIMIT ?',
  );
  const filled = (shape: string, values: readonly string[]): string => {
    let next = 0;
    return shape.replaceAll('?', () => values[next++ % values.length] ?? '1');
  };

  test('a shape that others filled says the same as a fresh look', () => {
    const cache = new StatementCache();
    fc.assert(
      fc.property(template, fc.array(literal, { minLength: 1, maxLength: 4 }), fc.array(literal, { minLength: 1, maxLength: 4 }), (shape, one, other) => {
        for (const text of [filled(shape, one), filled(shape, other)]) expect(visible(analyse(cache, text))).toEqual(visible(analyseText(text)));
      }),
      { numRuns: 3000 },
    );
  });

  test('token soup never throws and is never taken for another', () => {
    const cache = new StatementCache();
    const token = fc.oneof(
      literal,
      fc.constantFrom(
        'select',
        'delete',
        'from',
        'where',
        'update',
        'set',
        'insert',
        'into',
        'values',
        't',
        'u',
        'id',
        '=',
        '*',
        ',',
        '(',
        ')',
        ';',
        'or',
        'and',
        'not',
        'in',
        'limit',
        'like',
        'returning',
        'with',
        'x',
        'as',
        'using',
        '.',
        '::',
        'float',
        'interval',
        'e',
        'U&',
        'u&',
        'N',
        '$',
        '$$',
        '$a$',
        '--',
        '/*',
        '*/',
        '"',
        "'",
        '\\',
        '\n',
        '-',
        '+',
        '1',
        '2',
        "''",
        "'a'",
        'execute',
        'prepare',
        'explain',
        'analyze',
        '\u00e9',
        '\u0001',
      ),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), fc.constantFrom('', ' '), (tokens, gap) => {
        const text = tokens.join(gap);
        expect(visible(analyse(cache, text))).toEqual(visible(analyseText(text)));
      }),
      { numRuns: 6000 },
    );
  });

  test('statements with their literals changed at random places', () => {
    const cache = new StatementCache();
    fc.assert(
      fc.property(
        fc.constantFrom(...STATEMENTS, ...honest.filter((text) => text.length < 2000)),
        fc.array(literal, { minLength: 1, maxLength: 5 }),
        (text, values) => {
          let next = 0;
          const changed = text.replaceAll(/'[^']*'|\b\d+\b/g, () => values[next++ % values.length] ?? '1');
          for (const each of [text, changed]) expect(visible(analyse(cache, each))).toEqual(visible(analyseText(each)));
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('random bytes never throw', () => {
    const cache = new StatementCache();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const text = Buffer.from(bytes);
        const analysis = analyse(cache, text);
        const decoded = text.toString('utf8');
        if (Buffer.from(decoded).equals(text)) expect(visible(analysis)).toEqual(visible(analyseText(decoded)));
        else expect(analysis.facts.unknown).toEqual(['not valid UTF-8']);
      }),
      { numRuns: 4000 },
    );
  });
});
