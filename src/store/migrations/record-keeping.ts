/**
 * Migration: legal holds, and what became of a session's content. No statistics are kept of texts: samples of them would outlive what is erased.
 */
export const recordKeeping = `
create table gw.holds (
  id text collate "C" primary key,
  scope text not null check (scope in ('session', 'target', 'subject')),
  value text not null,
  issuer text,
  reason text not null,
  added_by text not null,
  added_at timestamptz not null default pg_catalog.now(),
  released_by text,
  released_at timestamptz,
  release_reason text,
  constraint subjects_have_issuers check ((scope = 'subject') = (issuer is not null)),
  constraint releases_say_who check ((released_at is null) = (released_by is null))
);
create index holds_in_force on gw.holds (scope, value) where released_at is null;
alter table gw.sessions add column content text not null default 'kept' check (content in ('kept', 'erased', 'expired'));
alter table gw.operations alter column text set statistics 0;
alter table gw.approvals alter column record set statistics 0;
`;
