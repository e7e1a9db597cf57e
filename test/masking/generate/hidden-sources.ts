/** Places in FROM where hidden columns are to be had, each with what its columns are called there. `$n` is replaced by a number used once. */
import type { ValueKind } from './hidden-expressions.js';

export interface Source {
  readonly from: string;
  /** In front of FROM's query: a WITH clause. */
  readonly before?: string;
  /** Hidden columns that it has, as they are named from outside. */
  readonly columns: Readonly<Partial<Record<ValueKind, readonly string[]>>>;
  /** An expression that is the whole row, where there is one. */
  readonly row?: string;
  /** Cannot be written to or copied by its name. */
  readonly query?: boolean;
}

const ALL = { text: ['ssn', 'note'], number: ['card'], date: ['dob'] } as const;
const of = (alias: string): Source['columns'] => ({ text: [`${alias}.ssn`, `${alias}.note`], number: [`${alias}.card`], date: [`${alias}.dob`] });

export const SOURCES: readonly Source[] = [
  { from: 'bank.customers', columns: ALL, row: 'customers' },
  { from: 'bank.customers c', columns: of('c'), row: 'c' },
  { from: 'only bank.customers as c$n', columns: of('c$n'), row: 'c$n' },
  { from: 'bank.customers tablesample system (100)', columns: ALL },
  { from: 'bank.customers c (id, a, b, d, e, f)', columns: { text: ['a', 'c.f'], number: ['d'], date: ['c.e'] }, row: 'c' },
  { from: 'bank.renamed', columns: { text: ['social', 'tail'], number: ['number'] }, row: 'renamed' },
  { from: 'bank.twice t, lateral (select 1 as id) i', columns: { text: ['s2', 't.t2'] }, row: 't' },
  { from: 'bank.kept', columns: { text: ['kept_ssn', 'kept_note'] }, row: 'kept' },
  { from: 'bank.all_of()', columns: ALL, row: 'all_of', query: true },
  { from: 'bank.all_of() f', columns: of('f'), row: 'f', query: true },
  { from: 'rows from (bank.all_of(), generate_series(1, 2)) f', columns: ALL, row: 'f', query: true },
  { from: '(select * from bank.customers) q', columns: of('q'), row: 'q', query: true },
  {
    from: '(select id, ssn as a, note as b, card as d, dob as e from bank.customers offset 0) q',
    columns: { text: ['a', 'q.b'], number: ['d'], date: ['e'] },
    row: 'q',
    query: true,
  },
  { from: '(table bank.customers) as q$n', columns: of('q$n'), row: 'q$n', query: true },
  { from: 'w', before: 'with w as (select * from bank.customers)', columns: of('w'), row: 'w', query: true },
  {
    from: 'w',
    before: 'with w as materialized (select id, ssn s, card n, dob d from bank.customers)',
    columns: { text: ['s'], number: ['w.n'], date: ['d'] },
    row: 'w',
    query: true,
  },
  {
    from: 'w v',
    before: 'with w (id, x, y) as not materialized (select id, ssn, card from bank.customers)',
    columns: { text: ['v.x'], number: ['y'] },
    row: 'v',
    query: true,
  },
  {
    from: 'b',
    before: 'with a as (select * from bank.customers), b as (select id, ssn as z, note from a)',
    columns: { text: ['z', 'note'] },
    row: 'b',
    query: true,
  },
  {
    from: 'r',
    before: 'with recursive r as (select id, ssn, 1 as k from bank.customers union all select id, ssn, k + 1 from r where k < 2)',
    columns: { text: ['ssn'] },
    row: 'r',
    query: true,
  },
  {
    from: 'customers',
    before: 'with customers as (select id, reverse(ssn) as ssn from bank.customers)',
    columns: { text: ['ssn', 'customers.ssn'] },
    row: 'customers',
    query: true,
  },
  {
    from: 'plain',
    before: 'with plain as (select id, ssn as word, card as amount from bank.customers)',
    columns: { text: ['word'], number: ['plain.amount'] },
    row: 'plain',
    query: true,
  },
  { from: 'bank.plain p join bank.customers c using (id)', columns: of('c'), row: 'c', query: true },
  { from: 'bank.plain p natural join bank.customers', columns: ALL, query: true },
  { from: 'bank.plain p left join bank.customers c on c.id = p.id', columns: { text: ['c.ssn'], number: ['c.card'], date: ['c.dob'] }, query: true },
  {
    from: '(bank.plain p join bank.customers c using (id)) as j',
    columns: { text: ['j.ssn', 'note'], number: ['card'], date: ['j.dob'] },
    row: 'j',
    query: true,
  },
  { from: 'bank.plain p full join bank.customers c using (id) as u', columns: { text: ['ssn'], number: ['card'], date: ['dob'] }, query: true },
  {
    from: 'bank.plain p, lateral (select c.* from bank.customers c where c.id = p.id) l',
    columns: { text: ['l.ssn'], number: ['l.card'], date: ['l.dob'] },
    row: 'l',
    query: true,
  },
  {
    from: 'bank.plain p cross join lateral (values ((select max(ssn) from bank.customers), p.id)) l (s, i)',
    columns: { text: ['s', 'l.s'] },
    row: 'l',
    query: true,
  },
  { from: 'bank.customers c, lateral (values (c.ssn, c.card), (c.note, 0)) l (s, k)', columns: { text: ['l.s'], number: ['k'] }, row: 'l', query: true },
  { from: 'bank.customers c cross join unnest(array[c.ssn, c.note]) u (s)', columns: { text: ['u.s', 's'] }, row: 'u', query: true },
  { from: "bank.customers c, regexp_split_to_table(c.ssn, '~') s", columns: { text: ['s'] }, query: true },
  { from: 'bank.customers c, jsonb_each_text(to_jsonb(c)) j', columns: { text: ['j.value'] }, row: 'j', query: true },
  {
    from: 'bank.customers c, jsonb_to_record(to_jsonb(c)) as j (ssn text, card bigint, dob date)',
    columns: { text: ['j.ssn'], number: ['j.card'], date: ['j.dob'] },
    row: 'j',
    query: true,
  },
  {
    from: 'bank.customers c, jsonb_populate_record(null::bank.customers, to_jsonb(c)) j',
    columns: { text: ['j.ssn'], number: ['j.card'] },
    row: 'j',
    query: true,
  },
  {
    from: "bank.customers c, xmltable('/r/a' passing xmlelement(name r, xmlelement(name a, c.ssn)) columns v text path '.') x",
    columns: { text: ['x.v', 'v'] },
    row: 'x',
    query: true,
  },
  {
    from: "bank.customers c, json_table(to_jsonb(c), '$' columns (v text path '$.ssn', k bigint path '$.card')) x",
    columns: { text: ['v'], number: ['x.k'] },
    row: 'x',
    query: true,
  },
  {
    from: '(select c as v, id from bank.customers c) q',
    columns: { text: ['(q.v).ssn', '(v).note'], number: ['(v).card'], date: ['(v).dob'] },
    row: 'q.v',
    query: true,
  },
  { from: '(select ssn, id from bank.customers union all select word, id from bank.plain) q', columns: { text: ['ssn'] }, row: 'q', query: true },
  {
    from: "(select word, id from bank.plain union select ssn, id from bank.customers except select 'x', 0) q",
    columns: { text: ['q.word'] },
    row: 'q',
    query: true,
  },
  { from: '(values ((select min(ssn) from bank.customers), 1)) q (ssn, id)', columns: { text: ['q.ssn'] }, row: 'q', query: true },
  { from: '(select distinct on (id) * from bank.customers order by id) q', columns: of('q'), row: 'q', query: true },
  {
    from: '(select id, max(ssn) as ssn, array_agg(card) as cards from bank.customers group by id) q',
    columns: { text: ['ssn'], number: ['cards[1]'] },
    row: 'q',
    query: true,
  },
];
