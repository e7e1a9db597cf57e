/** Passwords in SQL never reach a record (redteam B14; defect of a peer: ALTER USER … PASSWORD in logs). */
import { beforeAll, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

test.each([
  ["create role é password 'hunter''2' valid until 'tomorrow'", "create role é password '***' valid until 'tomorrow'"],
  ["alter user bob with encrypted password E'hunter\\'2'", "alter user bob with encrypted password '***'"],
  ['alter role bob password $$hunter2$$', "alter role bob password '***'"],
  [
    "select 'kept'; alter role a password 'hunter2'; create user b password 'hunter2'",
    "select 'kept'; alter role a password '***'; create user b password '***'",
  ],
  ["create user mapping for u server s options (user 'a', password 'hunter2')", "create user mapping for u server s options (user 'a', password '***')"],
  ["create subscription s connection 'host=x password=hunter2' publication p", "create subscription s connection '***' publication p"],
  ["alter role bob password U&'hunter2' valid until 'tomorrow'", "alter role bob password '***' valid until 'tomorrow'"],
  ["alter role bob password '\f\u0001hunter2' valid until 'tomorrow'", "alter role bob password '***' valid until 'tomorrow'"],
  [
    "create function f() returns void language sql as $$alter role bob password 'hunter2'$$; select 'kept'",
    "create function f() returns void language sql as '***'; select 'kept'",
  ],
  ["select 1; alter subscription s connection 'password=hunter2'", "select 1; alter subscription s connection '***'"],
  ["select * from dblink('host=x password=hunter2', 'select 1') as t(a int)", "select * from dblink('***', 'select 1') as t(a int)"],
])('%s', (text, expected) => {
  expect(analyseText(text).facts.redacted).toBe(expected);
});

test.each([
  "alter role bob password 'hunter2",
  'alter role bob password hunter2',
  "do $$begin execute 'alter role bob password ''hunter2'''; end$$",
  "create function f() returns void language plpgsql as $$begin alter role bob password 'hunter2'; end$$",
  "prepare p as select dblink_connect('password=hunter2')",
])('nothing that is recorded of %j holds the secret', (text) => {
  const { facts } = analyseText(text);
  expect(facts.redacted).not.toBeNull();
  expect(JSON.stringify(facts)).not.toContain('hunter2');
});

test.each([
  ["prepare a as select 1 where dblink_is_busy('password=hunter2') = 1", "prepare a as select 1 where dblink_is_busy('***') = 1"],
  ["declare c cursor for select dblink_open('password=hunter2')", "declare c cursor for select dblink_open('***')"],
  ["prepare a as select 1; alter role bob password 'hunter2'", "prepare a as select 1; alter role bob password '***'"],
])('whoever runs %j by its name records it as redacted as it came', (text, expected) => {
  const { facts, statements } = analyseText(text);
  const inner = statements[0]?.inner?.facts;
  // The engine records the whole text beside the facts of the statement inside.
  expect(inner?.redacted).toBe(expected);
  expect(inner?.redacted).toBe(facts.redacted);
});

test('a statement without a secret is recorded as it came', () => {
  expect(analyseText('alter role bob password null').facts.redacted).toBeNull();
  expect(analyseText("select 'x'").facts.redacted).toBeNull();
  expect(analyseText("prepare a as select 'x'").statements[0]?.inner?.facts.redacted).toBeNull();
});
