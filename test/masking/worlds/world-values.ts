/**
 * The canary database with other hidden values: nothing else differs. What a treatment shows of a value (its last four characters, its year, its first digit), which
 * values are equal, which are missing, and what the server counts of a column on the whole (mean width, number of distinct ones) is the same in both.
 */
import { CANARIES, DATE, NUMBERS } from '../canary-values.js';
import { CANARY_SCHEMA, PIN } from '../canary-world.js';

export type Side = 'left' | 'right';

export interface HiddenValue {
  /** Of this class in the policy. */
  readonly class: string;
  readonly left: string;
  readonly right: string;
}

const [first = '', second = '', note = ''] = CANARIES.map(({ text }) => text);
const [card = '', otherCard = ''] = NUMBERS;

/** Texts are smaller than `L` in one of them and greater in the other, and more of them in the left one; each begins with another letter than everything else. */
export const HIDDEN_VALUES: readonly HiddenValue[] = [
  { class: 'account', left: first, right: 'Zh4Wc-Xb6k-2dVg-R4mJ' },
  { class: 'account', left: second, right: 'Bt9S-Mf3-8pLz-V5xQ' },
  { class: 'note', left: note, right: 'Ce5T-Wm2g-6qRv-H8nS' },
  { class: 'phone', left: card, right: '7412536205' },
  { class: 'phone', left: otherCard, right: '7958317153' },
  { class: 'account', left: 'Fr2M-Lp5h-6dWs-T8cZ', right: 'Pv2M-Jk5h-6dGs-T8cZ' },
  { class: 'phone', left: '6431850927', right: '6352910927' },
  { class: 'dob', left: DATE, right: '1971-11-24' },
  { class: 'phone', left: String(PIN), right: '5146' },
];

/** What is in the database beside the canaries: all that may refuse, keep, sort or watch a value. */
const MORE = `
  insert into bank.customers (id, ssn, name, card, dob) values (3, 'Fr2M-Lp5h-6dWs-T8cZ', 'Cyd', 6431850927, '${DATE}');
  create table bank.people (id int primary key, ssn text check (ssn !~ '^[KB]'), small varchar(19), spare text);
  insert into bank.people (id) values (1), (2);
  create table bank.apart (ssn text) partition by list (left(ssn, 1));
  create table bank.apart_k partition of bank.apart for values in ('K');
  create table bank.apart_rest partition of bank.apart default;
  create table bank.uniques (id int, ssn text unique, note text);
  insert into bank.uniques values (1, 'K', 'x'), (2, 'B', 'y');
  create table bank.watched (id int, ssn text);
  create table bank.seen (id serial, at int);
  create function bank.watch() returns trigger language plpgsql as $$ begin if new.ssn like 'K%' then raise exception 'no'; end if; return new; end $$;
  create trigger watches before insert or update on bank.watched for each row execute function bank.watch();
  create table bank.made (id int primary key, ssn text, head text generated always as (left(ssn, 1)) stored);
  insert into bank.made (id, ssn) select id, ssn from bank.customers;
  create table bank.walled (id int, word text);
  insert into bank.walled values (1, 'a'), (2, 'b');
  create domain bank.k_word as text check (value like 'K%');
  create function bank.even(int) returns int language sql immutable as 'select 1 / ($1 % 2)';
  create function bank.k_int(text) returns int language sql immutable as $$ select case when $1 like 'K%' then 1 / (0 * length($1)) else 1 end $$;
  create type bank.wrapped as (word text);
  create function bank.wrap(text) returns bank.wrapped language sql immutable as $$ select row(case when $1 like 'K%' then (1 / (0 * length($1)))::text end)::bank.wrapped $$;
  create cast (text as bank.wrapped) with function bank.wrap(text);
  create function bank.k_less(text, text) returns boolean language sql immutable as $$ select case when $1 like 'K%' then 1 / (0 * length($1)) > 0 else true end $$;
  create operator bank.<<< (leftarg = text, rightarg = text, function = bank.k_less);
  create sequence bank.numbers;
  create collation bank.halves (provider = icu, locale = 'und', deterministic = false, rules = '&A=B=C=D=E=F=G=H=I=J=K=L &M=N=O=P=Q=R=S=T=U=V=W=X=Y=Z');
  create table bank.halved (id int, word text collate bank.halves);
  insert into bank.halved values (1, 'A'), (2, 'M');
  create table bank.leads (id int, ssn text);
  insert into bank.leads select g, 'lead ' || g from generate_series(1, 20) g;
  create table bank.short (id int, ssn text);
  insert into bank.short select id, left(ssn, 1) from bank.customers;
`;

function swapped(text: string): string {
  return HIDDEN_VALUES.reduce((now, { left, right }) => now.replaceAll(left, right), text).replace('(2, 61)', '(2, 58)');
}

export function worldSchema(side: Side): string {
  // Statistics are taken once, by the server itself never.
  const all = `${CANARY_SCHEMA} ${MORE} analyze;`;
  return side === 'left' ? all : swapped(all);
}
