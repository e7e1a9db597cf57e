/** Conditions that each choose rows and together choose all of them. */
import { beforeAll, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

const where = (condition: string) => analyseText(`delete from t where ${condition}`).facts.effects.find((effect) => effect.action === 'delete')?.facts['where'];

test.each([
  'a or not a',
  'not a or a',
  'a is true or a is false',
  'a = true or a = false',
  'true = a or not a',
  'a is true or a is false or a is null',
  'id < 5 or id >= 5',
  '5 > id or id > 4',
  'id > 0 or id is null or id <= 0',
  'id < 5 or (b = 1 or id >= 5)',
  'id < 5 or (id >= 5 and b = 1)',
  'a in (true, false)',
  'a = any (array[false, true])',
  "id = nextval('s')",
  "id = (nextval('s') + 0)::int",
  'id = any (app.all_ids())',
  'id = next_one()',
  'id in (1, next_one())',
])('is not effective: %s', (condition) => {
  expect(where(condition)).toBe('unknown');
});

test.each([
  'a',
  'not a',
  'a in (true)',
  'id < 5 or b > 5',
  'id < 5 or id < 9',
  '(id > 1 and id < 5) or (id > 7 and id < 9)',
  'id between 1 and 2 or id between 8 and 9',
  'id = 1 or id = 2',
  "id = length('abc')",
  "id = abs($1) + 1 or created < now() - interval '1 day'",
  'id in (1, 2) or not a',
  "upper(a::text) = upper('x')",
])('is effective: %s', (condition) => {
  expect(where(condition)).toBe('effective');
});
