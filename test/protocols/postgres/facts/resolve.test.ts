/** redteam B8: what is run by name carries the effects of what was prepared or declared under it, whoever looks. */
import { beforeAll, expect, test } from 'vitest';
import type { Facts } from '../../../../src/contract/operation.js';
import { analyseText, type Lookup, prepareParser, withResolved } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

const nobody: Lookup = () => null;
const actions = (facts: Facts) => facts.effects.map((effect) => effect.action);

test('EXECUTE carries the effects of the prepared statement', () => {
  const inner = analyseText('prepare p as delete from t').statements[0]?.inner?.facts ?? null;
  expect(inner).not.toBeNull();
  const facts = withResolved(analyseText('execute p'), (kind, name) => (kind === 'statement' && name === 'p' ? inner : null));
  expect(actions(facts)).toEqual(['execute', 'delete']);
  expect(facts.unknown).toEqual([]);
});

test('FETCH carries the query of its cursor, which is not the statement of the same name', () => {
  const cursor = analyseText('select * from secrets').facts;
  const lookup: Lookup = (kind) => (kind === 'cursor' ? cursor : null);
  expect(actions(withResolved(analyseText('fetch all from c'), lookup))).toEqual(['fetch', 'select']);
  expect(actions(withResolved(analyseText('execute c'), lookup))).toEqual(['execute', 'unknown']);
});

test('a name that nobody prepared is unknown', () => {
  const facts = withResolved(analyseText('execute p'), nobody);
  expect(actions(facts)).toEqual(['execute', 'unknown']);
  expect(facts.unknown).toEqual(['no prepared statement "p" is known']);
});

test('names of the same text count, and end with DEALLOCATE, CLOSE and DISCARD', () => {
  const known = analyseText('delete from old').facts;
  const lookup: Lookup = () => known;
  expect(actions(withResolved(analyseText('prepare p as select 1; execute p'), nobody))).not.toContain('unknown');
  expect(actions(withResolved(analyseText('prepare p as truncate_me; execute p'), nobody))).toContain('unknown');
  for (const text of [
    'deallocate p; execute p',
    'deallocate all; execute p',
    'discard all; execute p',
    'close c; fetch c',
    'close all; fetch c',
    'discard all; fetch c',
  ]) {
    expect(actions(withResolved(analyseText(text), lookup)), text).toContain('unknown');
  }
  expect(actions(withResolved(analyseText('deallocate other; execute p'), lookup))).toContain('delete');
});

test('EXPLAIN and CREATE TABLE AS run a prepared statement too', () => {
  const inner = analyseText('delete from t').facts;
  expect(actions(withResolved(analyseText('explain analyze execute p'), () => inner))).toContain('delete');
  expect(actions(withResolved(analyseText('create table x as execute p'), nobody))).toContain('unknown');
});

test('EXPLAIN of a DECLARE declares nothing', () => {
  expect(analyseText('explain declare c cursor for select 1').statements[0]?.kind).toBe('other');
});

test('the same references give the same object, others another', () => {
  const one = analyseText('select 1').facts;
  const two = analyseText('delete from t').facts;
  const execute = analyseText('execute p');
  const first = withResolved(execute, () => one);
  expect(withResolved(execute, () => one)).toBe(first);
  expect(withResolved(execute, () => two)).not.toBe(first);
  expect(withResolved(execute, nobody)).toBe(withResolved(execute, nobody));
  const both = analyseText('execute a; execute b');
  const mixed = withResolved(both, (_kind, name) => (name === 'a' ? one : two));
  expect(withResolved(both, (_kind, name) => (name === 'a' ? one : two))).toBe(mixed);
  expect(withResolved(both, () => two)).not.toBe(mixed);
  const plain = analyseText('select 1');
  expect(withResolved(plain, nobody)).toBe(plain.facts);
});

test('statements are told apart for the session', () => {
  const forms = analyseText(
    'begin; prepare a as select 1; execute a; deallocate a; deallocate all; declare c cursor for select 2; fetch c; close c; close all; discard all; copy t to stdout; select 1',
  ).statements;
  expect(forms.map(({ kind, name, all }) => `${kind} ${String(name)} ${String(all)}`)).toEqual([
    'transaction begin false',
    'prepare a false',
    'execute a false',
    'deallocate a false',
    'deallocate null true',
    'declare c false',
    'fetch c false',
    'close c false',
    'close null true',
    'discard null true',
    'copy null false',
    'other null false',
  ]);
});
