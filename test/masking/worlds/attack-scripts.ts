/**
 * Statements that were written to let a hidden value decide what comes: rows, their number and order, errors, side effects, sizes, messages of the protocol. Steps of one are parted
 * by `;;`; `@2` stands before those of a second session, and `$n` for a number that is used once.
 */
import { createHash } from 'node:crypto';
import { attackMessages } from './attack-messages.js';
import { type Script, step } from './two-worlds.js';

/** Larger than a page in every way that the server may keep it. */
const NOISE = Array.from({ length: 300 }, (_, index) => createHash('md5').update(String(index)).digest('hex')).join('');

/** NULL that is computed, and everything else that is shown or not by a value. */
const VALUES = `
select id, nullif(left(ssn, 1), 'K') from bank.customers
select id, nullif(left(ssn, 1), 'K') is null from bank.customers
select id, (select 1 where ssn > 'L') from bank.customers
select id, case when ssn > 'L' then null else 1 end from bank.customers
select coalesce(nullif(left(ssn, 1), 'K'), word) from bank.customers join bank.plain using (id)
select count(nullif(left(ssn, 1), 'K')) from bank.customers
select num_nulls(nullif(left(ssn, 1), 'K')) from bank.customers
select id, ssn like 'K%', card % 2, dob > '1971-06-01' from bank.customers
select pg_typeof(ssn), pg_column_size(ssn), octet_length(ssn), length(ssn) from bank.customers
select substring(ssn from 'K(x)?') from bank.customers
select lag(nullif(left(ssn, 1), 'K')) over (order by id) from bank.customers
select array_remove(array[left(ssn, 1)], 'K') from bank.customers
select string_agg(nullif(left(ssn, 1), 'K'), ',') from bank.customers
select array_agg(id) from bank.customers where ssn > 'L'
select array_agg(id order by ssn) from bank.customers
select array_agg(id) filter (where ssn > 'L') from bank.customers
select jsonb_agg(id) filter (where ssn like 'K%') from bank.customers
select jsonb_object_agg(id, name) filter (where ssn like 'K%') from bank.customers
select json_arrayagg(id) filter (where ssn > 'L') from bank.customers
select json_arrayagg(id order by ssn) from bank.customers
select json_objectagg(id : name) filter (where ssn > 'L') from bank.customers
select json_arrayagg(nullif(left(ssn, 1), 'K') absent on null) from bank.customers
select json_objectagg(id : nullif(left(ssn, 1), 'K') absent on null) from bank.customers
select json_arrayagg(id) over (order by ssn) from bank.customers
select json_array(id, nullif(left(ssn, 1), 'K') absent on null) from bank.customers
select percentile_disc(0.5) within group (order by id) filter (where ssn > 'L') from bank.customers
select mode() within group (order by left(ssn, 1)) from bank.customers
select rank('L') within group (order by ssn) from bank.customers
select xmlagg(xmlelement(name x, id) order by ssn) from bank.customers
select xmlconcat(xmlelement(name x, id), case when ssn > 'L' then xmlelement(name y) end) from bank.customers
select c.* is null, (c.ssn, nullif(left(ssn, 1), 'K')) is not null from bank.customers c
select (c.*) is distinct from null from bank.customers c
select c is not null, row(nullif(left(ssn, 1), 'K')) is null from bank.customers c
select greatest(id, (ssn > 'L')::int), least(id::text, ssn) from bank.customers
select grouping(ssn), count(*) from bank.customers group by grouping sets ((ssn), ())
select id, count(*) from bank.customers group by grouping sets ((id, left(ssn, 1)), ())
select id from bank.customers group by cube (id, ssn)
select count(*) from (select left(ssn, 1) from bank.customers union select 'K') q
select count(*) from (select ssn from bank.customers union select left(ssn, 1) from bank.uniques) q
select id, dense_rank() over (order by ssn) from bank.customers
select id, ntile(2) over (order by ssn) from bank.customers
select id, sum(id) over (order by id range between card preceding and current row) from bank.customers
select id, sum(id) over (order by id groups between (select count(*) from bank.customers where ssn > 'L') preceding and current row) from bank.customers
select id, sum(id) over w from bank.customers window w as (partition by left(ssn, 1))
select id, count(*) over (order by id rows between length(ssn) - 18 preceding and current row) from bank.customers
select * from bank.customers order by id fetch first (select count(*) from bank.customers where ssn > 'L') rows only
select * from bank.customers order by ssn fetch first 1 rows with ties
select id from bank.customers order by id offset (select count(*) from bank.customers where left(ssn, 1) = 'K')
select id from bank.customers where ssn = 'Aq7X-Wz3v-9bTn-R4mJ' collate bank.halves
select id from bank.customers where ssn in ('Aq7X-Wz3v-9bTn-R4mJ' collate bank.halves)
select id from bank.customers where ssn collate bank.halves = 'Aq7X-Wz3v-9bTn-R4mJ'
select id from (select id, ssn collate bank.halves as s from bank.customers) q where s = 'Aq7X-Wz3v-9bTn-R4mJ'
select u.id, h.id from bank.short u join bank.halved h on u.ssn = h.word
select u.id from bank.short u where u.ssn in (select word from bank.halved where id = 1)
select u.id, h.id from bank.short u join (select id, word as ssn from bank.halved) h using (ssn)
select u.id, h.id from bank.short u join (select id, 'A' || left(word, 0) collate bank.halves as w from bank.halved) h on u.ssn = h.w
create temp table t$n (w text collate bank.halves) ;; insert into t$n values ('A') ;; select u.id from bank.short u join t$n on u.ssn = w
begin isolation level serializable ;; set local enable_seqscan = off ;; select 1 from bank.leads where ssn = 'L' ;; select locktype, page, tuple from pg_locks where mode = 'SIReadLock' order by 1, 2, 3 ;; rollback
select distinct on (left(ssn, 1) = 'K') id from bank.customers
select c.id, l.* from bank.customers c left join lateral (select 1 as x where c.ssn > 'L') l on true
select id from bank.customers where id in (select id from bank.customers where ssn > 'L')
select id from bank.customers c where exists (select from bank.plain where c.ssn > 'L')
select exists (select from bank.customers where ssn > 'L')
select array(select id from bank.customers where ssn > 'L')
select array(select id from bank.customers order by ssn)
select (select id from bank.customers order by ssn limit 1)
with recursive r (n, s) as (select 1, ssn from bank.customers where id = 1 union all select n + 1, substr(s, 2) from r where s > 'L') select count(*) from r
with recursive r (n, s) as (select 1, ssn from bank.customers where id = 1 union select n + 1, left(s, 3) from r where n < 5) select n from r
with recursive r as (select id, ssn from bank.customers) search depth first by ssn set o select id from r order by o
with recursive r as (select id, ssn from bank.customers union all select id + 5, ssn from r where id < 9) cycle ssn set c using p select id, c from r
with w as (select id, ssn > 'L' as b from bank.customers) select id, b from w where b
with w as materialized (select id from bank.customers order by ssn) select * from w
select id from bank.customers tablesample bernoulli (case when (select max(ssn) from bank.customers) > 'Z' then 0 else 100 end)
select id from bank.customers tablesample system (100) repeatable (length((select min(ssn) from bank.customers)))
select count(*) from generate_series(1, (select pin from bank.pins where id = 2))
select unnest(string_to_array(ssn, '-')) from bank.customers
select unnest(string_to_array(ssn, '3')), id from bank.customers
select id, jsonb_path_query(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers
select id, jsonb_path_exists(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers
select id, to_jsonb(ssn) @@ '$ starts with "K"' from bank.customers
select id, json_exists(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers
select id, json_value(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers
select id, json_query(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers
select id, json_query(to_jsonb(ssn), '$ ? (@ starts with "K")' error on empty) from bank.customers
select id, json_query(to_jsonb(ssn), '$ ? (@ starts with $x)' passing left(ssn, 1) as x) from bank.customers
select id, json_query('["a"]', '$[$x]' passing id as x) from bank.customers
select c.id, j.* from bank.customers c, json_table(to_jsonb(c.ssn), '$ ? (@ starts with "K")' columns (v text path '$')) j
select c.id, j.* from bank.customers c, json_table('[1,2,3]'::jsonb, '$[*] ? (@ < $x)' passing length(c.ssn) - 18 as x columns (v text path '$')) j
select c.id, j.* from bank.customers c, json_table(to_jsonb(c), '$' columns (n for ordinality, nested path '$.ssn ? (@ starts with "K")' columns (v text path '$'))) j
select c.id, x.* from bank.customers c, xmltable('/r/a' passing xmlelement(name r, case when c.ssn > 'L' then xmlelement(name a) end) columns n for ordinality) x
select c.id, x.* from bank.customers c, xmltable(('/r/' || left(c.ssn, 1))::text passing '<r><K/></r>'::xml columns n for ordinality) x
select c.id, x.* from bank.customers c, xmltable('/r' passing '<r/>'::xml columns n int path 'a' default (ascii(c.ssn))) x
select id, (xpath('/a[text() > "L"]', xmlelement(name a, ssn)))::text from bank.customers
select id, xmlexists('/a[starts-with(text(), "K")]' passing xmlelement(name a, ssn)) from bank.customers
select id, ssn is json, to_json(ssn) is json from bank.customers
select id, xmlserialize(content xmlelement(name x, ssn) as varchar(3)) from bank.customers
select merge_action() from bank.customers
select m.* from bank.customers c, regexp_matches(c.ssn, 'K', 'g') m
select id, regexp_count(ssn, 'K'), regexp_instr(ssn, 'K'), regexp_like(ssn, '^K') from bank.customers
select ssn collate "C" > 'L' from bank.customers
select id from bank.customers order by ssn collate "C"
select id from bank.customers order by name using operator(pg_catalog.<), ssn
select id from bank.customers order by (select left(ssn, 1))
select id from (select id, ssn from bank.customers order by ssn) q
select string_agg(name, ',') from (select name from bank.customers order by ssn) q
select name from bank.customers where (ssn, id) in (select left(ssn, 1), id from bank.uniques)
select u.id from bank.uniques u join bank.customers c on u.ssn = left(c.ssn, 1)
select u.id from bank.uniques u natural join (select left(ssn, 1) as ssn from bank.customers) c
select * from bank.made order by head
select id, head from bank.made where head = 'K'
select id from bank.made where head < 'L'
select tableoid::regclass, count(*) from bank.apart group by 1
select ctid, id from bank.customers order by id
`;

/** Success against an error, or what is done on the way against nothing. */
const EFFECTS = `
select 1 / (ascii(ssn) - 75) from bank.customers
select case when ssn > 'M' then 1 / (id - 1) end from bank.customers
select (ssn)::date from bank.customers
select id, ssn::bank.k_word from bank.customers
select bank.even(ascii(ssn)) from bank.customers
select bank.k_int(ssn) from bank.customers
select ssn::bank.wrapped from bank.customers
select cast(ssn as bank.wrapped) from bank.customers
select (ssn).wrapped from bank.customers
select ssn operator(bank.<<<) 'x' from bank.customers
select id from bank.customers order by ssn using operator(bank.<<<)
select bank.k_less(ssn, 'x') from bank.customers
select count(bank.k_int(ssn)) from bank.customers
select min(bank.k_int(ssn)) over () from bank.customers
select 1 from bank.customers group by bank.k_int(ssn)
select exists (select bank.k_int(ssn) from bank.customers)
select (select ssn from bank.customers where ssn > 'L')
select (select id from bank.customers where id = 1 or ssn > 'L')
select (select ssn from bank.customers union all select left(ssn, 0) from bank.customers where id < 0 limit 1)
select set_config('gw.x', ssn, false) from bank.customers ;; select current_setting('gw.x', true)
select set_config('work_mem', (ascii(ssn) * 100)::text, false) from bank.customers ;; show work_mem
select set_config('application_name', left(ssn, 1), false) from bank.customers ;; show application_name
select set_config('search_path', case when ssn > 'L' then 'bank' else 'public' end, false) from bank.customers ;; show search_path
select current_setting(case when ssn > 'L' then 'work_mem' else 'x.y' end) from bank.customers
select current_setting(left(ssn, 1), true) from bank.customers
select setval('bank.numbers', ascii(ssn)) from bank.customers ;; select last_value from bank.numbers
select setval('bank.numbers', 5, ssn > 'L') from bank.customers ;; select nextval('bank.numbers')
select nextval('bank.numbers') from bank.customers where ssn > 'L' ;; select last_value from bank.numbers
select case when ssn > 'L' then nextval('bank.numbers') end from bank.customers ;; select last_value from bank.numbers
select ssn > 'L' and nextval('bank.numbers') > 0 from bank.customers ;; select last_value from bank.numbers
select coalesce(nullif(left(ssn, 1), 'K'), nextval('bank.numbers')::text) from bank.customers ;; select last_value from bank.numbers
select ssn in ('a', nextval('bank.numbers')::text, left(ssn, 1)) from bank.customers ;; select last_value from bank.numbers
select ssn in (left(ssn, 19), nextval('bank.numbers')::text) from bank.customers ;; select last_value from bank.numbers
select ssn = any (array[left(ssn, 19), nextval('bank.numbers')::text]) from bank.customers ;; select last_value from bank.numbers
select ssn between 'L' and nextval('bank.numbers')::text from bank.customers ;; select last_value from bank.numbers
select ssn not between 'L' and nextval('bank.numbers')::text from bank.customers ;; select last_value from bank.numbers
select (ssn, 1) < ('L', nextval('bank.numbers')) from bank.customers ;; select last_value from bank.numbers
select (left(ssn, 1), 1) = ('K', nextval('bank.numbers')) from bank.customers ;; select last_value from bank.numbers
select (ssn, nextval('bank.numbers')) is distinct from (left(ssn, 19), 1) from bank.customers ;; select last_value from bank.numbers
select row(nullif(left(ssn, 1), 'K'), nextval('bank.numbers')) is null from bank.customers ;; select last_value from bank.numbers
select row(ssn, nextval('bank.numbers')) is not null from bank.customers ;; select last_value from bank.numbers
select (string_to_array(nullif(left(ssn, 1), 'K'), ','))[nextval('bank.numbers')] from bank.customers ;; select last_value from bank.numbers
select (nullif(array[left(ssn, 1)], array['K']))[nextval('bank.numbers'):2] from bank.customers ;; select last_value from bank.numbers
select ssn between 'L' and (1 / (2 - id))::text from bank.customers
select ssn in (left(ssn, 1), (1 / (2 - id))::text) from bank.customers
select ssn not in (left(ssn, 19), (1 / (2 - id))::text) from bank.customers
select (ssn, 1) > ('L', 1 / (2 - id)) from bank.customers
select nextval('bank.numbers')::text between '0' and left(ssn, 0) from bank.customers ;; select last_value from bank.numbers
select nullif(ssn, nextval('bank.numbers')::text) from bank.customers ;; select last_value from bank.numbers
select greatest(ssn, nextval('bank.numbers')::text) from bank.customers ;; select last_value from bank.numbers
select repeat(nullif(left(ssn, 1), 'K'), nextval('bank.numbers')::int) from bank.customers ;; select last_value from bank.numbers
select left(nullif(left(ssn, 1), 'K'), nextval('bank.numbers')::int) from bank.customers ;; select last_value from bank.numbers
select nullif(left(ssn, 1), 'K') || nextval('bank.numbers') from bank.customers ;; select last_value from bank.numbers
select starts_with(nullif(left(ssn, 1), 'K'), nextval('bank.numbers')::text) from bank.customers ;; select last_value from bank.numbers
select nextval(nullif('bank.numbers', ssn)::regclass) from bank.customers
select abs(nextval('bank.numbers')), pg_advisory_lock(ascii(ssn)) from bank.customers ;; select objid from pg_locks where locktype = 'advisory' order by 1
select ssn > 'L' or pg_try_advisory_lock(4711) from bank.customers ;; select objid from pg_locks where locktype = 'advisory' order by 1
select pg_try_advisory_lock(1, nullif(ascii(ssn), 75)) from bank.customers ;; select objid from pg_locks where locktype = 'advisory' order by 1
select pg_try_advisory_lock(id) from bank.customers where ssn > 'L' ;; @2 select pg_try_advisory_lock(n) from generate_series(1, 2) n
select 'K' in (select left(ssn, 1 + 0 * length(pg_try_advisory_lock(id)::text)) from bank.customers) ;; select objid from pg_locks where locktype = 'advisory' order by 1
select exists (select pg_try_advisory_lock(id) from bank.customers where ssn > 'L') ;; select objid from pg_locks where locktype = 'advisory' order by 1
select starts_with(ssn, 'K') and pg_try_advisory_lock(id) is null from bank.customers ;; select objid from pg_locks where locktype = 'advisory' order by 1
select max(ssn) over (order by pg_try_advisory_lock(id)) from bank.customers ;; select objid from pg_locks where locktype = 'advisory' order by 1
select pg_notify('gw_$n', ssn) from bank.customers
listen gw_$n ;; select pg_notify('gw_$n', left(ssn, 1)) from bank.customers ;; select 1
listen gw_$n ;; @2 select pg_notify('gw_$n', 'x') from bank.customers where ssn > 'L' ;; select 1
listen gw_$n ;; select pg_notify('gw_$n', left(ssn, ascii(ssn) - 74)) from bank.customers ;; select 1
listen "K" ;; select pg_notify(left(ssn, 1), '') from bank.customers ;; select 1
begin ;; select id from bank.customers where ssn > 'L' for update ;; @2 select id from bank.customers for update skip locked ;; rollback
begin ;; select id, ssn > 'L' from bank.customers for update skip locked ;; rollback
begin ;; select id from bank.customers order by ssn limit 1 for update ;; @2 select id from bank.customers for update skip locked ;; rollback
begin ;; select id from (select * from bank.customers where ssn > 'L' for share) q ;; @2 select id from bank.customers for update nowait ;; rollback
select lo_from_bytea(0, ssn::bytea) from bank.customers
select lo_create(ascii(ssn)) from bank.customers ;; select oid from pg_largeobject_metadata
select lo_unlink(ascii(ssn)) from bank.customers
select pg_cancel_backend(ascii(ssn)) from bank.customers
select pg_terminate_backend(case when ssn > 'L' then pg_backend_pid() else 0 end) from bank.customers
select setseed(0.5) ;; select setseed(ascii(ssn) / 1000.0) from bank.customers ;; select random()
select setseed(0.5) ;; select setseed(length(ssn) - 18) from bank.customers ;; select random()
select query_to_xml('select ssn from bank.customers where ssn > $$L$$', true, true, '')
select * from pg_stat_get_activity(ascii((select min(ssn) from bank.customers)))
select has_table_privilege(ssn, 'select') from bank.customers
select has_column_privilege('bank.customers', left(ssn, 1), 'select') from bank.customers
select to_regclass(ssn), to_regtype(ssn) from bank.customers
select to_regclass('bank.' || left(ssn, 1)) is null from bank.customers
select pg_input_is_valid(ssn, 'int') from bank.customers
select pg_input_error_info(ssn, 'int') from bank.customers
select txid_status(ascii(ssn)) from bank.customers
select make_interval(secs => ascii(ssn)) from bank.customers
select pg_get_viewdef(case when ssn > 'L' then 'bank.twice' else 'bank.none' end::regclass) from bank.customers
select enum_range(null::bank.none) from bank.customers
`;

/** Places that take a value or refuse it, and what can be seen of that. Last: what stays of it changes the catalog, and until that is read again more is masked. */
const WRITES = `
begin ;; insert into bank.people (id, ssn) select id + 10, left(ssn, 1) from bank.customers where id = 1 ;; rollback
begin ;; insert into bank.people (id, ssn) select id + 10, ssn from bank.customers where id = 1 ;; rollback
begin ;; update bank.people p set ssn = left(c.ssn, 1) from bank.customers c where c.id = p.id and c.id = 1 ;; rollback
begin ;; update bank.people p set ssn = (select upper(ssn) from bank.customers c where c.id = 1) ;; rollback
begin ;; update bank.people p set (ssn, spare) = (select left(ssn, 1), 'x' from bank.customers c where c.id = 1) ;; rollback
begin ;; merge into bank.people p using bank.customers c on p.id = c.id when matched and c.id = 1 then update set ssn = left(c.ssn, 1) ;; rollback
begin ;; merge into bank.people p using bank.customers c on p.id = c.id + 10 when not matched then insert (id, ssn) values (c.id + 10, left(c.ssn, 1)) ;; rollback
begin ;; merge into bank.people p using bank.customers c on p.id = c.id when matched and c.ssn > 'L' then delete when not matched then do nothing ;; rollback
begin ;; merge into bank.people p using bank.customers c on p.id = c.id when matched then update set small = c.ssn ;; rollback
begin ;; insert into bank.people (id, small) select id + 10, ssn from bank.customers ;; rollback
begin ;; insert into bank.people (id, small) select id + 10, ssn || '' from bank.customers ;; rollback
begin ;; insert into bank.people (id, small) select id + 10, left(repeat('x', 90), ascii(ssn) ) from bank.customers ;; rollback
begin ;; insert into bank.people (id, spare) select id + 10, ssn from bank.customers ;; rollback
begin ;; insert into bank.people (id, spare) select id + 10, 'x' from bank.customers where ssn > 'L' ;; rollback
begin ;; insert into bank.apart select ssn from bank.customers returning tableoid::regclass ;; rollback
begin ;; insert into bank.apart select left(ssn, 1) from bank.customers ;; select count(*) from bank.apart_k ;; rollback
begin ;; insert into bank.apart_k select left(ssn, 1) from bank.customers where id = 1 ;; rollback
begin ;; insert into bank.apart_k select ssn from bank.customers where id = 1 ;; rollback
begin ;; insert into bank.uniques select 5, left(ssn, 1) from bank.customers on conflict (ssn) do nothing ;; rollback
begin ;; insert into bank.uniques select 5, left(ssn, 1) from bank.customers on conflict (ssn) do update set id = 9 returning id ;; rollback
begin ;; insert into bank.uniques select 5, left(ssn, 1) from bank.customers where id = 1 ;; rollback
begin ;; insert into bank.uniques select 5, ssn from bank.customers on conflict do nothing ;; rollback
begin ;; update bank.uniques set ssn = (select left(ssn, 1) from bank.customers where id = 1) where id = 2 ;; rollback
begin ;; update bank.uniques set id = 7 where ssn = any (select left(ssn, 1) from bank.customers) ;; rollback
begin ;; insert into bank.uniques values (1, 'q') on conflict (ssn) where ssn > 'L' do nothing ;; rollback
begin ;; insert into bank.uniques as u select id, ssn from bank.uniques on conflict (ssn) do update set id = 5 where u.ssn > 'L' returning id ;; rollback
begin ;; insert into bank.watched select id, ssn from bank.customers where id = 1 ;; rollback
begin ;; insert into bank.watched select id, left(ssn, 1) from bank.customers where id = 1 ;; rollback
begin ;; update bank.watched set ssn = (select left(ssn, 1) from bank.customers where id = 1) ;; rollback
begin ;; insert into bank.seen (at) select ascii(ssn) from bank.customers ;; select * from bank.seen ;; rollback
begin ;; insert into bank.seen (at) select 1 from bank.customers where ssn > 'L' ;; rollback ;; select last_value from bank.seen_id_seq
begin ;; insert into bank.seen (id, at) select card, 1 from bank.customers ;; rollback
begin ;; insert into bank.customers (id, ssn, name) select id + 10, reverse(ssn), 'x' from bank.customers ;; rollback
begin ;; update bank.customers set tags[ascii(ssn)] = 'x' ;; select array_length(tags, 1), tags from bank.customers ;; rollback
begin ;; update bank.customers set tags[length(ssn):length(ssn)] = array['x'] ;; select tags from bank.customers ;; rollback
begin ;; update bank.customers set doc[left(ssn, 1)] = '1' ;; select doc from bank.customers ;; rollback
begin ;; insert into bank.customers (id, name, tags[(select ascii(min(ssn)) from bank.customers)]) values (9, 'x', 'y') ;; select tags from bank.customers where id = 9 ;; rollback
begin ;; merge into bank.customers c using bank.plain p on c.id = p.id when matched then update set tags[ascii(c.ssn)] = 'x' ;; select tags from bank.customers ;; rollback
begin ;; insert into bank.customers as c (id, name) values (1, 'x') on conflict (id) do update set tags[ascii(c.ssn)] = 'x' ;; select tags from bank.customers ;; rollback
begin ;; update bank.customers set (tags[ascii(ssn)], name) = ('x', 'y') ;; select tags from bank.customers ;; rollback
begin ;; update bank.customers set ssn = left(ssn, 1) where id = 1 ;; rollback
begin ;; update bank.customers set ssn = ssn ;; rollback
begin ;; update bank.customers set card = card + 9223372029000000000 where id = 1 ;; rollback
begin ;; update bank.customers set card = ascii(ssn) / (ascii(ssn) - 75) ;; rollback
begin ;; update bank.customers set name = 'x' where current_date > dob + 19500 ;; rollback
begin ;; delete from bank.customers using bank.uniques u where u.ssn = left(customers.ssn, 1) ;; rollback
begin ;; delete from bank.customers where ctid = (select ctid from bank.customers order by ssn limit 1) ;; rollback
begin ;; with d as (delete from bank.customers where ssn > 'L' returning id) select count(*) from d ;; rollback
begin ;; with u as (update bank.plain set amount = 0 from bank.customers c where c.ssn > 'L' returning 1) select 1 ;; rollback
begin ;; update bank.made set ssn = ssn returning id, head ;; rollback
begin ;; update bank.made set id = 5 where head = 'K' ;; rollback
begin ;; create temp table t$n (a text check (a like 'K%')) ;; insert into t$n select ssn from bank.customers where id = 1 ;; rollback
begin ;; create temp table t$n (a text unique) ;; insert into t$n values ('K') ;; insert into t$n select left(ssn, 1) from bank.customers on conflict do nothing ;; rollback
begin ;; create temp table t$n (a varchar(19)) ;; insert into t$n select ssn from bank.customers ;; rollback
begin ;; create temp table t$n (a bank.k_word) ;; insert into t$n select ssn from bank.customers where id = 1 ;; rollback
begin ;; create temp table t$n (a text, exclude using btree (a with =)) ;; insert into t$n select left(ssn, 1) from bank.customers ;; rollback
begin ;; create temp table t$n (a text, b text generated always as (a::int) stored) ;; insert into t$n (a) select ssn from bank.customers ;; rollback
begin ;; create temp table t$n as select ssn as a from bank.customers ;; alter table t$n alter a type varchar(19) ;; rollback
begin ;; create temp table t$n as select ssn as a from bank.customers ;; alter table t$n add check (a > 'L') ;; rollback
begin ;; create temp table t$n as select ssn as a from bank.customers ;; create unique index on t$n (left(a, 0 + 1)) ;; rollback
begin ;; create temp table t$n as select left(repeat('x', 300), ascii(ssn)) as a from bank.customers, generate_series(1, 42000) where id = 1 ;; select pg_relation_size('t$n') ;; rollback
begin ;; create temp table t$n as select ssn as a from bank.customers ;; analyze t$n ;; select avg_width, n_distinct from pg_stats where tablename = 't$n' ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers order by ssn ;; select id from t$n ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers ;; delete from t$n where a > 'L' ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers ;; update t$n set id = 3 where a > 'L' ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers ;; update t$n set id = 1 / (ascii(a) - 75) ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers ;; copy (select id from t$n where a > 'L') to stdout ;; rollback
begin ;; create temp table t$n as select ssn as a, id from bank.customers with no data ;; insert into t$n select ssn, id from bank.customers ;; select id from t$n order by a ;; rollback
begin ;; create temp table t$n as select id from bank.customers where ssn > 'L' ;; rollback
begin ;; create table public.t$n as select ssn, id from bank.customers order by ssn ;; rollback
begin ;; create table public.t$n as select left(ssn, 1) as h, id from bank.customers ;; select id from public.t$n where h = 'K' ;; rollback
begin ;; create table public.t$n as select left(ssn, 1) as h, id from bank.customers ;; alter table public.t$n add check (h <> 'K') ;; rollback
begin ;; create table public.t$n as select ssn as h, id from bank.customers ;; create unique index on public.t$n ((left(h, 1) = 'K')) ;; rollback
begin ;; create materialized view public.t$n as select ssn, id from bank.customers ;; create unique index on public.t$n (left(ssn, 0)) ;; rollback
begin ;; create materialized view public.t$n as select id from bank.customers where ssn > 'L' ;; rollback
begin ;; create view public.t$n as select id from bank.customers where ssn > 'L' ;; select * from public.t$n ;; rollback
begin ;; create view public.t$n as select id, ssn from bank.customers ;; select id from public.t$n where ssn > 'L' ;; rollback
begin ;; create view public.t$n as select id, ssn from bank.customers where ssn > 'L' with check option ;; rollback
begin ;; create rule r$n as on insert to bank.plain do also insert into bank.scratch select id, 'x' from bank.customers where ssn > 'L' ;; insert into bank.plain values (7, 'x', 1) ;; rollback
begin ;; create policy p$n on bank.walled using (exists (select from bank.customers c where c.id = walled.id and c.ssn > 'L')) ;; rollback
begin ;; create policy p$n on bank.customers using (ssn > 'L') ;; rollback
begin ;; alter table bank.walled add constraint c$n check ((select ssn from bank.customers limit 1) > 'L') ;; rollback
begin ;; alter table bank.customers add constraint c$n check (ssn > 'L') not valid ;; alter table bank.customers validate constraint c$n ;; rollback
begin ;; alter table bank.customers alter ssn type varchar(19) ;; rollback
begin ;; alter table bank.people add foreign key (ssn) references bank.uniques (ssn) ;; rollback
begin ;; create index on bank.customers ((bank.k_int(ssn))) ;; rollback
begin ;; create index on bank.customers (id) where ssn > 'L' ;; rollback
begin ;; create statistics s$n on ssn, card from bank.customers ;; rollback
begin ;; create schema s$n create view v as select id from bank.customers where ssn > 'M' ;; select * from s$n.v ;; rollback
begin ;; create schema s$n create table t (a text default (bank.ssn_of(1))) ;; insert into s$n.t default values ;; select * from s$n.t ;; rollback
begin ;; create schema s$n create table t (ssn text) create unique index on t ((1 / (ascii(ssn) - 75))) ;; insert into s$n.t select ssn from bank.customers where id = 1 ;; rollback
begin ;; create statistics bank.s$n on (nullif(left(ssn, 1), 'K')), id from bank.customers ;; analyze bank.customers ;; select null_frac, avg_width, n_distinct from pg_stats_ext_exprs ;; rollback
begin ;; create statistics bank.s$n (ndistinct) on ssn, card from bank.customers ;; analyze bank.customers ;; select n_distinct from pg_stats_ext ;; rollback
begin ;; create or replace recursive view public.t$n (a) as select id from bank.customers where ssn > 'M' ;; select * from public.t$n ;; rollback
begin ;; create temp view t$n as select id from bank.customers where ssn > 'M' ;; select * from t$n ;; rollback
begin ;; create function public.f$n() returns bigint language sql begin atomic select count(*) from bank.customers where ssn > 'M'; end ;; select public.f$n() ;; rollback
begin ;; create procedure public.f$n() language sql begin atomic update bank.plain set amount = 9 from bank.customers where ssn > 'Q'; end ;; call public.f$n() ;; select * from bank.plain order by id ;; rollback
begin ;; cluster bank.customers using customers_ssn_key ;; select id from bank.customers ;; rollback
begin ;; create domain public.d$n as text check (value < any (select ssn from bank.customers)) ;; rollback
begin ;; create domain public.d$n as text check (value like 'K%') ;; select ssn::public.d$n from bank.customers ;; rollback
begin ;; create function public.f$n(text) returns int language sql immutable as 'select 1 / (ascii($1) - 75)' ;; select public.f$n(ssn) from bank.customers ;; rollback
begin ;; create cast (text as bank.wrapped) without function ;; select ssn::bank.wrapped from bank.customers ;; rollback
begin ;; create operator public.=== (leftarg = text, rightarg = text, function = texteq) ;; select id, ssn operator(public.===) 'x' from bank.customers ;; rollback
begin ;; create operator class public.o$n for type text using btree as operator 1 bank.<<< ;; rollback
begin ;; create aggregate public.a$n (text) (sfunc = textcat, stype = text, finalfunc = bank.k_int) ;; select public.a$n(ssn) from bank.customers ;; rollback
begin ;; alter sequence bank.numbers restart 5 ;; select nextval('bank.numbers') from bank.customers where ssn > 'L' ;; rollback
begin ;; truncate bank.scratch ;; insert into bank.scratch select id, 'x' from bank.customers where ssn > 'L' ;; select * from bank.scratch ;; rollback
begin ;; savepoint a ;; select bank.k_int(ssn) from bank.customers ;; rollback to a ;; select 1 ;; rollback
begin ;; set constraints all deferred ;; update bank.customers set ssn = left(ssn, 1) ;; set constraints all immediate ;; rollback
begin ;; create table public.t$n (ssn text check (ssn like 'K%')) ;; commit ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn text) ;; create unique index on public.t$n (left(ssn, 1)) ;; commit ;; insert into public.t$n values ('K') ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn varchar(19)) ;; commit ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn int) ;; commit ;; insert into public.t$n select ssn from bank.customers ;; insert into public.t$n select card from bank.customers ;; drop table public.t$n
begin ;; create table public.t$n (ssn text, made int generated always as (1 / (ascii(ssn) - 75)) stored) ;; commit ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn bank.k_word) ;; commit ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn text) partition by range (ssn) ;; create table public.u$n partition of public.t$n for values from ('A') to ('L') ;; commit ;; insert into public.t$n select ssn from bank.customers where id = 1 ;; drop table public.t$n
begin ;; create table public.t$n (ssn text) ;; commit ;; insert into public.t$n select ssn from bank.customers ;; select * from public.t$n ;; drop table public.t$n
`;

/** By a name, as a plan, as a copy, in pieces. */
const FORMS = `
begin ;; declare c cursor for select id from bank.customers where ssn > 'L' ;; fetch all c ;; rollback
begin ;; declare c cursor for select id from bank.customers order by ssn ;; move 1 c ;; fetch c ;; rollback
begin ;; declare c scroll cursor for select id, ssn from bank.customers ;; fetch last c ;; fetch first c ;; fetch absolute -1 c ;; rollback
begin ;; declare c cursor for select json_query(to_jsonb(ssn), '$ ? (@ starts with "K")') from bank.customers ;; fetch all c ;; rollback
begin ;; declare c cursor for select id from bank.customers for update ;; fetch 1 c ;; update bank.customers set name = name where current of c ;; rollback
begin ;; declare c cursor with hold for select bank.k_int(ssn) from bank.customers ;; commit
begin ;; declare c cursor with hold for select ssn::int from bank.customers where id = 1 ;; commit
begin ;; declare c cursor with hold for select (id || substr(ssn, 1, 1))::int from bank.customers ;; commit
begin ;; declare c cursor with hold for select nextval('bank.numbers') from bank.customers where ssn > 'L' ;; commit ;; select last_value from bank.numbers ;; close c
begin ;; declare c cursor for select 1 / (ascii(ssn) - 75) from bank.customers ;; move all c ;; rollback
prepare p as select id from bank.customers where ssn > $1 ;; execute p('L')
prepare p as select bank.k_int(ssn) from bank.customers ;; execute p
prepare p (text) as select $1::int ;; execute p((select left(ssn, 1) from bank.customers where id = 1))
prepare p (int) as select generate_series(1, $1) ;; execute p((select ascii(ssn) from bank.customers where id = 1))
prepare p (text) as insert into bank.people (id, ssn) values (12, $1) ;; begin ;; execute p((select left(ssn, 1) from bank.customers where id = 1)) ;; rollback
prepare p (text) as select id from bank.plain where word > $1 ;; execute p((select ssn from bank.customers where id = 1))
prepare p as select ssn from bank.customers ;; begin ;; create temp table t$n as execute p ;; select a.ssn > 'L' from t$n a ;; rollback
prepare p as select id from bank.customers where ssn > $1 ;; explain (analyze, costs off, timing off, summary off) execute p('L')
explain (analyze, costs off, timing off, summary off) declare c cursor for select id from bank.customers where ssn > 'M'
explain (analyze, costs off, timing off, summary off) declare c cursor for select bank.k_int(ssn) from bank.customers
explain declare c cursor for select id from bank.customers where ssn > 'M'
explain (analyze, costs off, timing off, summary off) create table public.t$n as select id from bank.customers where ssn > 'M'
copy (select id from bank.customers where ssn > 'L') to stdout
copy (select id from bank.customers order by ssn) to stdout
copy (select id, ssn, nullif(left(ssn, 1), 'K') from bank.customers) to stdout
copy (select id, ssn, nullif(left(ssn, 1), 'K') from bank.customers) to stdout (format csv, force_quote *, null 'n')
copy (select id, ssn, card from bank.customers) to stdout (format binary)
copy bank.customers (id, ssn) to stdout where ssn > 'L'
copy bank.customers to stdout (format csv, header)
copy bank.made to stdout
copy bank.made (id, head) to stdout
copy (select ssn from bank.customers) to stdout (encoding 'latin1')
copy (select 1 / (ascii(ssn) - 75) from bank.customers) to stdout
begin ;; copy (update bank.customers set name = name where ssn > 'L' returning id) to stdout ;; rollback
explain select id from bank.customers where ssn > 'L'
explain select ssn, upper(ssn) from bank.customers
explain (costs off) select id from bank.customers where ssn > 'L'
explain (analyze, costs off, timing off, summary off) select id from bank.customers where ssn > 'L'
explain (analyze, costs off, timing off, summary off, buffers off) select ssn from bank.customers order by id
explain (analyze, costs off, timing off, summary off, buffers off) select upper(ssn) as u, id from bank.customers order by id
explain (analyze, costs off, timing off, summary off, buffers off) select replace(ssn, 'K', '${NOISE}') as u, id from bank.customers order by id
explain (analyze, costs off, timing off, summary off, buffers off, serialize) select replace(ssn, 'K', '${NOISE}') from bank.customers
explain (analyze, costs off, timing off, summary off, buffers off, serialize text, format json) select left('${NOISE}', 100 + ascii(ssn)) from bank.customers
explain (analyze, costs off, timing off, summary off, buffers off) select distinct on (id) replace(ssn, 'K', '${NOISE}') from bank.customers
explain (analyze, costs off, timing off, summary off, buffers off) with w as materialized (select id, replace(ssn, 'K', '${NOISE}') as u from bank.customers) select id, u from w
explain (analyze, costs off, timing off, summary off, buffers off) select string_agg(replace(ssn, 'K', '${NOISE}'), '') over (order by id) from bank.customers
explain (analyze, costs off, timing off, summary off, buffers off) select c.id, replace(c.ssn, 'K', '${NOISE}') from bank.customers c join bank.plain p using (id) order by p.amount
explain (analyze, costs off, timing off, summary off) select case when ssn > 'L' then (select count(*) from bank.plain) end from bank.customers
explain (analyze, costs off, timing off, summary off) select coalesce(nullif(left(ssn, 1), 'K'), (select word from bank.plain where id = 1)) from bank.customers
explain (analyze, costs off, timing off, summary off) select nullif(left(ssn, 1), 'K') || (select word from bank.plain p where p.id = c.id) from bank.customers c
explain (analyze, costs off, timing off, summary off) select left(nullif(left(ssn, 1), 'K'), (select amount from bank.plain p where p.id = c.id)) from bank.customers c
explain (analyze, costs off, timing off, summary off) select ssn in (left(ssn, 19), (select word from bank.plain p where p.id = c.id)) from bank.customers c
explain (analyze, costs off, timing off, summary off) select (select count(*) from bank.plain p where p.word > c.ssn) from bank.customers c
set enable_hashjoin = off ;; set enable_nestloop = off ;; explain (analyze, costs off, timing off, summary off, buffers off) select c.id from bank.customers c join bank.leads l using (ssn)
explain (analyze, costs off, timing off, summary off, buffers off) select id from bank.customers where ssn in ('C', 'M', 'X')
set client_min_messages = debug5 ;; select replace(ssn, 'K', '${NOISE}'), id from bank.customers order by id
set work_mem = '64kB' ;; select replace(ssn, 'K', '${NOISE}') from bank.customers, generate_series(1, 60) g order by g ;; select pg_stat_force_next_flush() ;; select temp_bytes, temp_files from pg_stat_database where datname = current_database() ;; select pg_stat_get_db_temp_bytes(oid) from pg_database where datname = current_database()
begin ;; declare c scroll cursor for select replace(ssn, 'K', '${NOISE}') from bank.customers, generate_series(1, 60) g ;; move all c ;; select name, total_bytes from pg_backend_memory_contexts where name like 'Portal%' or name like 'Tuplestore%' ;; rollback
explain (verbose) select bank.k_int((select min(ssn) from bank.customers))
explain (generic_plan) select id from bank.customers where ssn = $1
explain select * from bank.customers where card = 1 and dob = '2000-01-01'
explain select * from bank.uniques u join bank.customers c on u.ssn = c.ssn
explain select * from bank.leads l join bank.customers c on l.ssn = c.ssn
select * from pg_stats where tablename = 'customers' and attname = 'id'
select tablename, attname, avg_width, n_distinct, null_frac from pg_stats where schemaname = 'bank'
select most_common_vals, histogram_bounds from pg_stats where tablename = 'customers'
select stavalues1, stanumbers1 from pg_statistic where starelid = 'bank.customers'::regclass
select correlation, most_common_freqs, attname from pg_stats where tablename = 'customers'
select stanumbers1, stanumbers2, stanumbers3 from pg_statistic where starelid = 'bank.customers'::regclass order by staattnum
select stakind1, stakind2, stadistinct, stawidth, staop1 from pg_statistic where starelid = 'bank.customers'::regclass order by staattnum
select relname, relpages, reltuples from pg_class where relname like '%customers%' or relname like 'apart%'
select pg_relation_size('bank.customers'), pg_total_relation_size('bank.customers'), pg_relation_size('bank.customers_ssn_key')
select query from pg_stat_activity where pid = pg_backend_pid()
select * from bank.renamed ;; select tail from bank.renamed order by number ;; select s2 from bank.twice where t2 > 'L'
select kept_ssn from bank.kept order by kept_note
select bank.shout()
select bank.fail()
select bank.say(ssn) from bank.customers
select bank.ssn_of(id) > 'L' from bank.plain
select id from bank.all_of() where ssn > 'L'
select id from bank.all_of() order by ssn
call bank.none((select ssn from bank.customers limit 1))
do $$ begin if (select min(ssn) from bank.customers) > 'L' then raise 'x'; end if; end $$
lock table bank.customers in access share mode
begin ;; lock table bank.customers ;; rollback
vacuum (verbose) bank.customers
analyze verbose bank.customers
set gw.x = 'y' ;; select current_setting('gw.x') > ssn from bank.customers
table bank.customers order by ssn limit 1
values ((select ssn from bank.customers where id = 1) > 'L')
select * from bank.customers ;; select count(*) from bank.customers ;; select id, name from bank.customers order by id
select ssn from bank.customers ;; select 1/0 ;; select snn from bank.customers ;; select * from bank.none
`;

function scriptOf(line: string, id: number): Script {
  const texts = line.replaceAll('$n', String(id)).split(' ;; ');
  // What one script drew is not seen by the next.
  const first = line.includes('bank.numbers') ? ["select setval('bank.numbers', 1, false)"] : [];
  return { name: line.slice(0, 300), steps: [...first, ...texts].map(step) };
}

/** `round`: names are others in each. */
export function attackScripts(round: number): Script[] {
  const lines = [VALUES, EFFECTS, FORMS, WRITES].flatMap((block) => block.trim().split('\n'));
  return [...attackMessages().map((script) => ({ script })), ...lines.map((line) => ({ line }))].map((each, id) =>
    'script' in each ? each.script : scriptOf(each.line, round * 1_000 + id),
  );
}
