/**
 * What tracing a statement costs: where each value of its result comes from, traced anew and kept, for a small statement and for an analytic one of 60
 * lines over views. `node bench/micro/lineage.mjs`; prints microseconds for each. Figures are for comparison on one machine, never a test.
 */
import { bundled } from './bundled.mjs';

const { createCatalog, analyseText, prepareParser, traceText } = await bundled('lineage', [
  'protocols/postgres/catalog/catalog',
  'protocols/postgres/facts/index',
  'protocols/postgres/masking/traced-text',
]);

const COLUMNS = 'id customer_id account_id ssn email phone name amount currency booked_at memo region segment opened_at closed_at'.split(' ');
const relation = (oid, name, definition = null) => ({
  oid,
  schema: 'bank',
  name,
  kind: definition === null ? 'r' : 'v',
  columns: COLUMNS.map((column, index) => ({ name: column, number: index + 1, type: 25, generated: false })),
  definition,
  parents: [],
});
const relations = [
  relation(20_001, 'customers'),
  relation(20_002, 'accounts'),
  relation(20_003, 'entries'),
  relation(20_004, 'everyone', ` SELECT ${COLUMNS.map((column) => `c.${column}`).join(', ')} FROM bank.customers c;`),
];
const catalog = createCatalog({
  version: '1',
  searchPath: ['pg_catalog', 'bank'],
  relations,
  functions: [],
  operators: [],
  conversions: [],
  types: [],
});

const SMALL = 'select ssn, name from bank.customers where id = $1';
const LARGE = `
with active as (
  select c.id,
         c.name,
         c.ssn,
         c.region
    from bank.everyone c
   where c.closed_at is null
     and c.opened_at < now() - interval '90 days'
), movements as (
  select a.customer_id,
         date_trunc('month', e.booked_at) as month,
         sum(e.amount::numeric) as total,
         count(*) as entries,
         max(e.memo) as last_memo
    from bank.accounts a
    join bank.entries e
      on e.account_id = a.id
   where e.currency in ('EUR', 'USD', 'GBP')
     and e.booked_at >= now() - interval '1 year'
   group by a.customer_id,
            date_trunc('month', e.booked_at)
), ranked as (
  select m.*,
         rank() over (partition by m.month order by m.total desc) as place,
         lag(m.total) over (partition by m.customer_id order by m.month) as before
    from movements m
)
select a.id,
       a.name,
       right(a.ssn, 4) as tail,
       upper(coalesce(k.email, 'none')) as email,
       a.region,
       r.month,
       r.total,
       r.entries,
       case when r.before is null then 0
            when r.before = 0 then 0
            else round((r.total - r.before) / r.before * 100, 2)
       end as change,
       (select string_agg(n.memo, '; ' order by n.booked_at)
          from bank.entries n
         where n.account_id = r.customer_id
           and n.booked_at >= r.month) as memos,
       exists (select 1
                 from bank.accounts b
                where b.customer_id = a.id
                  and b.closed_at is not null) as closed_before
  from active a
  join ranked r
    on r.customer_id = a.id
  left join lateral (
       select email
         from bank.customers d
        where d.id = a.id
        limit 1
  ) k on true
 where r.place <= 100
 order by r.month desc,
          r.total desc
 limit 500`;

await prepareParser();
const context = { catalog, searchPath: catalog.searchPath, temporary: () => null, doubtful: () => false, steady: true, unseenRan: false };
for (const [name, text] of [
  ['small', SMALL],
  ['60 lines', LARGE],
]) {
  const analysis = analyseText(text);
  const bytes = Buffer.from(text);
  for (const [how, own, rounds] of [
    ['anew, parsing included', true, 2_000],
    ['kept', false, 500_000],
  ]) {
    for (let i = 0; i < rounds / 4; i++) traceText(analysis, bytes, context, own);
    const started = performance.now();
    for (let i = 0; i < rounds; i++) traceText(analysis, bytes, context, own);
    process.stdout.write(`${name}, ${how}\t${(((performance.now() - started) / rounds) * 1000).toFixed(2)} µs\n`);
  }
}
