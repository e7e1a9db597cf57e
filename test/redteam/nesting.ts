/**
 * The places where a payload can stand: in a CTE, under EXPLAIN ANALYZE, in COPY, behind PREPARE, in a function, a rule, a trigger, a DO block,
 * a cursor, in the middle of a batch … Each gives the texts to send, one after the other. A nesting changes how an attack is said, never
 * what it does.
 */
import type { Dice } from './dice.js';
import { quoteLiteral } from './spelling.js';

export interface Nesting {
  readonly name: string;
  /** Texts in order; each may hold several statements. `inner` is the payload, spelled. */
  readonly texts: (inner: string, dice: Dice) => readonly string[];
  /** It ends the transaction, so that a rollback would not undo it. */
  readonly commits?: boolean;
  readonly inRule?: boolean;
  /** PL/pgSQL takes no SELECT there whose rows go nowhere. */
  readonly noRows?: boolean;
  /** The server itself takes no such value there. */
  readonly unless?: RegExp;
}

const one =
  (text: (inner: string, dice: Dice) => string): Nesting['texts'] =>
  (inner, dice) => [text(inner, dice)];
const FUNCTION = 'create function scratch.f@n@() returns';

/** A string in pieces, so that the words of the attack stand nowhere as they are. */
function pieces(text: string, dice: Dice): string {
  const out: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + dice.below(9);
    out.push(quoteLiteral(text.slice(at, at + size)));
    at += size;
  }
  return out.join(' || ');
}

/** Around anything that is a whole statement. */
export const AROUND_STATEMENT: readonly Nesting[] = [
  { name: 'plain', texts: one((s) => s) },
  { name: 'last of a batch', texts: one((s) => `select 1; ${s}`) },
  { name: 'first of a batch', texts: one((s) => `${s}; select 2`) },
  { name: 'between empty statements', texts: one((s) => `;; ${s};;`) },
  { name: 'behind strings that look like an end', texts: one((s) => `select $a$ '; $a$, E'O\\'Brien'; ${s}`) },
  { name: 'own transaction in a batch', texts: one((s) => `begin; ${s}; commit`), commits: true },
  { name: 'savepoint', texts: (s) => ['begin', 'savepoint s@n@', s] },
  { name: 'do', texts: one((s) => `do ${quoteLiteral(`begin ${s}; end`)}`), noRows: true },
  { name: 'do with language first', texts: one((s) => `do language plpgsql ${quoteLiteral(`begin ${s}; end`)}`), noRows: true },
  { name: 'do with dynamic SQL', texts: one((s, dice) => `do ${quoteLiteral(`begin execute ${pieces(s, dice)}; end`)}`) },
  {
    name: 'plpgsql function',
    texts: (s) => [`${FUNCTION} int language plpgsql as ${quoteLiteral(`begin ${s}; return 1; end`)}`, 'select scratch.f@n@()'],
    noRows: true,
  },
  {
    name: 'plpgsql function with dynamic SQL',
    texts: (s, dice) => [`${FUNCTION} int language plpgsql as ${quoteLiteral(`begin execute ${pieces(s, dice)}; return 1; end`)}`, 'select scratch.f@n@()'],
  },
  { name: 'SQL function', texts: (s) => [`${FUNCTION} void language sql as ${quoteLiteral(s)}`, 'select scratch.f@n@()'] },
  { name: 'SQL procedure', texts: (s) => [`create procedure scratch.p@n@() language sql as ${quoteLiteral(s)}`, 'call scratch.p@n@()'] },
  {
    name: 'trigger',
    texts: (s) => [
      `${FUNCTION} trigger language plpgsql as ${quoteLiteral(`begin ${s}; return new; end`)}`,
      'create trigger t@n@ after insert on scratch.sink for each statement execute function scratch.f@n@()',
      'insert into scratch.sink values (2)',
    ],
    noRows: true,
  },
];

/** Around INSERT, UPDATE, DELETE and MERGE. */
export const AROUND_WRITE: readonly Nesting[] = [
  ...AROUND_STATEMENT,
  { name: 'CTE', texts: one((s) => `with x as (${s} returning 1) select * from x`) },
  { name: 'CTE among others', texts: one((s) => `with a as (select 1), b as (${s} returning 1), c as (select * from a) select * from c, b`) },
  { name: 'CTE that nothing reads', texts: one((s) => `with recursive x(n) as (${s} returning 1) select 'harmless'`) },
  { name: 'CTE of an INSERT', texts: one((s) => `with x as (${s} returning 1 as n) insert into scratch.sink (n) select n from x`) },
  { name: 'EXPLAIN ANALYZE', texts: one((s) => `explain analyze ${s}`) },
  { name: 'EXPLAIN with options', texts: one((s) => `explain (costs off, analyze, timing off) ${s}`) },
  { name: 'EXPLAIN analyze on', texts: one((s) => `explain (analyze false, analyze 1) ${s}`) },
  { name: 'EXPLAIN ANALYZE of a CTE', texts: one((s) => `explain analyze verbose with x as (${s} returning 1) select * from x`) },
  { name: 'COPY of a query', texts: one((s) => `copy (${s} returning 1) to stdout`) },
  { name: 'COPY of a CTE', texts: one((s) => `copy (with x as (${s} returning 1) select * from x) to stdout with csv`) },
  { name: 'PREPARE, EXECUTE', texts: (s) => [`prepare p@n@ as ${s}`, 'execute p@n@'] },
  { name: 'PREPARE, EXPLAIN ANALYZE EXECUTE', texts: (s) => [`prepare p@n@ as ${s}`, 'explain analyze execute p@n@'] },
  { name: 'PREPARE and EXECUTE in a batch', texts: one((s) => `prepare p@n@ as ${s}; execute p@n@`) },
  {
    name: 'BEGIN ATOMIC function',
    texts: (s) => [`${FUNCTION} void language sql begin atomic ${s}; end`, 'select scratch.f@n@()'],
    inRule: true,
  },
  {
    name: 'rule',
    texts: (s) => [`create rule r@n@ as on insert to scratch.sink do also ${s}`, 'insert into scratch.sink values (3)'],
    inRule: true,
  },
  {
    name: 'rule with several actions',
    texts: (s) => [`create or replace rule r@n@ as on insert to scratch.sink do also (select 1; ${s})`, 'insert into scratch.sink values (3)'],
    inRule: true,
  },
];

/** Around a value. */
export const AROUND_VALUE: readonly Nesting[] = [
  ...(
    [
      ['select', (e) => `select ${e}`],
      ['subquery', (e) => `select * from (select ${e} as v offset 0) s`],
      ['CTE', (e) => `with s as materialized (select ${e} as v) select * from s`],
      ['WHERE', (e) => `select 1 where (${e})::text is not null`],
      ['ORDER BY', (e) => `select 1 from scratch.sink order by (${e})::text`],
      ['CASE', (e) => `select case when n = 1 then (${e})::text end from scratch.sink`],
      ['LATERAL', (e) => `select l.* from scratch.sink s, lateral (select s.n, ${e}) l`],
      ['scalar subquery', (e) => `select coalesce((select (${e})::text), 'x')`],
      ['array', (e) => `select array(select (${e})::text)`],
      ['FILTER', (e) => `select count(*) filter (where (${e})::text is not null) from scratch.sink`],
      ['HAVING', (e) => `select n from scratch.sink group by n having (${e})::text is not null`],
      ['LIMIT', (e) => `select 1 limit length(coalesce((${e})::text, ''))`],
      ['UNION', (e) => `select '1' union all select (${e})::text`],
      ['VALUES', (e) => `values ('1'), ((${e})::text)`],
      ['window', (e) => `select row_number() over (order by (${e})::text) from scratch.sink`],
      ['join condition', (e) => `select 1 from scratch.sink a join scratch.sink b on (${e})::text is not null`],
      ['EXPLAIN ANALYZE', (e) => `explain analyze select ${e}`],
      ['COPY', (e) => `copy (select (${e})::text) to stdout`],
      ['INSERT … SELECT', (e) => `insert into scratch.sink (t) select (${e})::text`],
      ['INSERT … VALUES', (e) => `insert into scratch.sink (t) values ((${e})::text)`],
      ['WHERE of an UPDATE', (e) => `update scratch.sink set n = 2 where id = 1 and (${e})::text is not null`],
      ['SET of an UPDATE', (e) => `update scratch.sink set t = (${e})::text where id = 1`],
      ['RETURNING', (e) => `insert into scratch.sink (id) values (9) returning (${e})::text`],
      ['CREATE TABLE AS', (e) => `create table scratch.t@n@ as select (${e})::text as v`],
      ['SELECT INTO', (e) => `select (${e})::text as v into temp t@n@`],
      ['batch', (e) => `select 1; select ${e}; select 2`],
      ['DO', (e) => `do ${quoteLiteral(`begin perform ${e}; end`)}`],
    ] satisfies [string, (inner: string) => string][]
  ).map(([name, text]): Nesting => ({ name, texts: one(text) })),
  {
    name: 'materialized view',
    texts: one((e) => `create materialized view scratch.m@n@ as select (${e})::text as v`),
    unless: /set_config/,
  },
  {
    name: 'column default',
    texts: one((e) => `alter table scratch.sink add column c@n@ text default (${e})::text`),
    unless: /select /,
  },
  { name: 'PREPARE, EXECUTE', texts: (e) => [`prepare p@n@ as select ${e}`, 'execute p@n@'] },
  { name: 'cursor', texts: (e) => ['begin', `declare c@n@ cursor for select ${e}`, 'fetch all from c@n@'] },
  { name: 'view', texts: (e) => [`create view scratch.v@n@ as select (${e})::text as v`, 'select * from scratch.v@n@'] },
  { name: 'SQL function', texts: (e) => [`${FUNCTION} text language sql as ${quoteLiteral(`select (${e})::text`)}`, 'select scratch.f@n@()'] },
  { name: 'SQL function by RETURN', texts: (e) => [`${FUNCTION} text return (${e})::text`, 'select scratch.f@n@()'] },
];
