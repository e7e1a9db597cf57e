/**
 * Migration 4: the index of operations, made out of the journals and made anew from them when it is lost. `tags` holds what a search names
 * (`relation:ledger.entries`, `verdict:deny` …), so that one GIN index answers words and names together. Texts are the recorded ones.
 */
export const operations = `
create table gw.operations (
  session text collate "C" not null,
  sequence bigint not null,
  at timestamptz not null,
  issuer text not null,
  subject text not null,
  name text not null,
  target text not null,
  verdict text not null,
  status text not null,
  rule text,
  kinds text[] not null,
  relations text[] not null,
  masked text[] not null,
  affected_rows bigint,
  text text not null,
  words tsvector not null,
  tags text[] not null,
  primary key (session, sequence)
);
create index operations_by_time on gw.operations (at desc, session desc, sequence desc);
create index operations_of_subject on gw.operations (issuer, subject, at desc, session desc, sequence desc);
create index operations_found on gw.operations using gin (words, tags);
create table gw.indexed_journals (
  journal text collate "C" primary key,
  indexed_at timestamptz not null default pg_catalog.now()
);
`;
