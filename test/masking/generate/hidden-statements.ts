/**
 * Statements that try to show hidden columns, out of a grammar: sources × expressions around a hidden column (up to three deep) × shapes of a
 * query × ways for its result to come. The same seed gives the same statements.
 */
import type { Dice } from '../../redteam/dice.js';
import { respell } from '../../redteam/spelling.js';
import { AGGREGATES, type ValueKind, WINDOWS, WRAPPERS, type Wrapper } from './hidden-expressions.js';
import { SOURCES, type Source } from './hidden-sources.js';

export const DELIVERIES = [
  'simple',
  'extended text',
  'extended binary',
  'named, in pieces',
  'cursor',
  'binary cursor',
  'holdable cursor',
  'copy',
  'copy csv',
  'copy binary',
  'prepare',
  'temporary table',
  'view',
  'returning',
  'explain',
  'search path',
] as const;
export type Delivery = (typeof DELIVERIES)[number];

export interface HiddenStatement<How extends string = string> {
  readonly id: number;
  readonly delivery: How;
  readonly shape: string;
  /** Texts that go one after the other, each as a message of its own, inside one transaction. */
  readonly texts: readonly string[];
}

interface Picked {
  readonly source: Source;
  readonly value: string;
}

interface Shape {
  readonly name: string;
  readonly query: (picked: Picked, dice: Dice) => string;
}

const head = ({ source }: Picked): string => (source.before === undefined ? '' : `${source.before} `);
const select = (picked: Picked, list: string, more = ''): string => `${head(picked)}select ${list} from ${picked.source.from}${more}`;

/** Characters put together by their codes: `code` gives that of the character `n` of `v`. */
const coded = (p: Picked, code: string): string =>
  `select string_agg(chr(coalesce((select ${code}), 63)::int), '' order by n) from (${select(p, `(${p.value})::text as v`)}) q1, generate_series(1, 24) n where n <= length(v) group by v`;

const SHAPES: readonly Shape[] = [
  { name: 'list', query: (p) => select(p, p.value) },
  { name: 'list', query: (p, dice) => select(p, `${p.value} as ${dice.pick(['y', 'id', 'name', '"word"'])}, 1`) },
  { name: 'all', query: (p) => select(p, '*') },
  { name: 'row', query: (p) => select(p, p.source.row ?? p.value) },
  { name: 'row as text', query: (p) => select(p, `(${p.source.row ?? p.value})::text`) },
  { name: 'row as JSON', query: (p, dice) => select(p, `${dice.pick(['to_jsonb', 'to_json'])}(${p.source.row ?? p.value})`) },
  { name: 'rows as JSON', query: (p, dice) => select(p, `${dice.pick(['json_agg', 'jsonb_agg', 'array_agg'])}(${p.source.row ?? p.value})`) },
  { name: 'distinct', query: (p) => select(p, `distinct (${p.value.split(', @')[0] ?? ''})::text`) },
  { name: 'subquery', query: (p) => `select q1.* from (${select(p, `${p.value} as v`)}) q1` },
  { name: 'subquery', query: (p) => `select v from (select * from (${select(p, `${p.value} as v`)} offset 0) q1) q2` },
  { name: 'row of a subquery', query: (p) => `select q1 from (${select(p, `${p.value} as v`)}) q1` },
  { name: 'scalar subquery', query: (p) => `select (${select(p, p.value, ' limit 1')})` },
  { name: 'scalar subquery of a subquery', query: (p) => `select coalesce((select (x.v)::text from (${select(p, `${p.value} as v`)} limit 1) x), 'none')` },
  { name: 'array of a subquery', query: (p) => `select array(${select(p, `(${p.value})::text`)})` },
  { name: 'union', query: (p) => `select 'x' union all (${select(p, `(${p.value})::text`)})` },
  { name: 'union', query: (p) => `(${select(p, `(${p.value})::text`)}) union select 'x'` },
  { name: 'CTE', query: (p) => `with k as (${select(p, `${p.value} as v`)}) select v from k` },
  { name: 'CTE of CTEs', query: (p) => `with k as (${select(p, `${p.value} as v`)}), l (w) as materialized (table k) select l.w, l from l` },
  { name: 'lateral', query: (p) => `select m.v from bank.plain p0, lateral (${select(p, `${p.value} as v`)}) m` },
  { name: 'VALUES', query: (p) => `values ((${select(p, `(${p.value})::text`, ' limit 1')})), ('x')` },
  { name: 'CASE', query: (p) => `select case when true then (${select(p, `(${p.value})::text`, ' limit 1')}) else 'x' end` },
  { name: 'unnest', query: (p) => `select unnest(array(${select(p, `(${p.value})::text`)}))` },
  { name: 'jsonb_each', query: (p) => `select j.* from (${select(p, `${p.value} as v`)}) q1, jsonb_each_text(to_jsonb(q1)) j` },
  { name: 'order by another', query: (p) => select(p, p.value, ' order by 1 limit 5') },
  { name: 'window', query: (p, dice) => `select ${dice.pick(WINDOWS).replaceAll('@', 'v')} from (${select(p, `(${p.value})::text as v, 1 as id`)}) q1` },
  { name: 'group', query: (p) => `select v, count(*) from (${select(p, `(${p.value})::text as v`)}) q1 group by v` },
  {
    name: 'recursion',
    query: (p) => `with recursive k (v, n) as ((${select(p, `(${p.value})::text, 1`)}) union all select v || '', n + 1 from k where n < 2) select v from k`,
  },
  { name: 'characters', query: (p) => `select substr(v, g, 6) from (${select(p, `(${p.value})::text as v`)}) q1, generate_series(1, 20) g` },
  { name: 'another alias', query: (p) => `select zz.b || '' from (${select(p, `(${p.value})::text`)}) as zz (b)` },
  { name: 'rows counted', query: (p) => coded(p, 'count(*) from generate_series(1, ascii(substr(v, n, 1)))') },
  { name: 'rows up to a LIMIT', query: (p) => coded(p, 'count(*) from (select 1 from generate_series(1, 300) limit ascii(substr(v, n, 1))) l') },
  {
    name: 'rows of a frame',
    query: (p) =>
      coded(
        p,
        'max(f) from (select count(*) over (order by g rows between ascii(substr(v, n, 1)) - 1 preceding and current row) from generate_series(1, 300) g) l (f)',
      ),
  },
  {
    name: 'rows drawn',
    query: (p) =>
      coded(
        p,
        'max(k) from generate_series(32, 122) k, lateral (select from bank.plain tablesample system (case when substr(v, n, 1) = chr(k) then 100 else 0 end)) l',
      ),
  },
  { name: 'exists beside', query: (p) => select(p, p.value, ' where exists (select 1 from bank.plain)') },
];

function pick(kind: ValueKind, source: Source, dice: Dice): string | null {
  const columns = source.columns[kind];
  if (columns === undefined) return null;
  let value = dice.pick(columns);
  let now: ValueKind | 'other' = kind;
  for (let depth = dice.below(4); depth > 0 && now !== 'other'; depth--) {
    const kindNow: ValueKind = now;
    const wrapper: Wrapper = dice.pick(WRAPPERS.filter(({ of, gives, sql }) => of === kindNow && (depth === 1 || (gives !== 'other' && !sql.includes(', @')))));
    // An expression that repeats its column grows with every one around it.
    if (value.length > 400) break;
    value = wrapper.sql.replaceAll('case id', 'case 1').replaceAll('@', value.includes(' ') ? `(${value})` : value);
    now = wrapper.gives;
  }
  if (now !== 'other' && !value.includes(', ') && dice.chance(0.08)) value = dice.pick(AGGREGATES[now]).replaceAll('@', value);
  return value;
}

export function delivered(delivery: Delivery, query: string, id: number): readonly string[] {
  switch (delivery) {
    case 'cursor':
      return [`declare c${id} cursor for ${query}`, `fetch 1 from c${id}`, `fetch all from c${id}`];
    case 'binary cursor':
      return [`declare c${id} binary cursor for ${query}`, `fetch all from c${id}`];
    case 'holdable cursor':
      return [`declare c${id} scroll cursor with hold for ${query}`, `fetch last from c${id}`, `fetch backward all from c${id}`, `close c${id}`];
    case 'copy':
      return [`copy (${query}) to stdout`];
    case 'copy csv':
      return [`copy (${query}) to stdout with (format csv, header, force_quote *)`];
    case 'copy binary':
      return [`copy (${query}) to stdout (format binary)`];
    case 'prepare':
      return [`prepare s${id} as ${query}`, `execute s${id}`, `deallocate s${id}`];
    case 'temporary table':
      return [`create temp table t${id} as ${query}`, `select * from t${id}`, `select t${id}::text from t${id}`, `copy t${id} to stdout`];
    case 'view':
      return [`create view public.v${id} as ${query}`, `select * from public.v${id}`, `select v${id}::text from public.v${id}`];
    case 'returning':
      return [
        `update bank.customers c set name = c.name where id = 1 returning (${query.startsWith('with') || query.startsWith('values') || query.startsWith('(') ? `select 1` : `select (z)::text from (${query}) z limit 1`}), c.ssn, c.*`,
        `with i as (insert into bank.scratch select 7, 'seven' returning *, (select max(ssn) from bank.customers)) select * from i`,
        `delete from bank.customers where id = 2 returning ssn || '', customers`,
      ];
    case 'search path':
      return ['set local search_path = bank, public', query.replaceAll('bank.', '')];
    case 'explain':
      return [`explain (analyze, verbose, costs off, timing off, summary off) ${query}`];
    default:
      return [query];
  }
}

export function hiddenStatements(dice: Dice, count: number): HiddenStatement[] {
  const found: HiddenStatement[] = [];
  const kinds: readonly ValueKind[] = ['text', 'text', 'number', 'date'];
  for (let id = 0; found.length < count; id++) {
    const source = SOURCES[id % SOURCES.length] ?? dice.pick(SOURCES);
    const value = pick(dice.pick(kinds), source, dice);
    if (value === null) continue;
    // Several values at once stand only where a list may.
    const shape = value.includes('), ') ? (SHAPES[0] ?? dice.pick(SHAPES)) : dice.pick(SHAPES);
    const query = shape.query({ source, value }, dice).replaceAll('$n', String(id));
    const delivery = DELIVERIES[found.length % DELIVERIES.length] ?? 'simple';
    const texts = delivered(delivery, query, id).map((text) => (dice.chance(0.5) ? respell(text, dice) : text));
    found.push({ id, delivery, shape: shape.name, texts });
  }
  return found;
}
