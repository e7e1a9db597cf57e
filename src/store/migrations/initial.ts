/**
 * Migration 1: sessions and subjects in the schema `gw`. Everything is schema-qualified (D22). `id` compares bytewise, so that the
 * order of ids is the order of time whatever the database's collation.
 */
export const initial = `
create table gw.sessions (
  id text collate "C" primary key,
  state text not null check (state in ('live', 'ended')),
  started_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  end_message text,
  issuer text not null,
  subject text not null,
  name text not null,
  kind text not null,
  on_behalf_of text,
  target text not null,
  protocol text not null,
  via text not null,
  client_address text not null,
  client text,
  reason text,
  operations bigint not null default 0,
  refused bigint not null default 0,
  rows bigint not null default 0,
  bytes_up bigint not null default 0,
  bytes_down bigint not null default 0,
  gateway text not null,
  journal text not null,
  constraint ended_sessions_say_when check ((state = 'ended') = (ended_at is not null))
);
create index sessions_of_subject on gw.sessions (issuer, subject, id desc);
create index sessions_of_target on gw.sessions (target, id desc);
create index sessions_of_name on gw.sessions (name, id desc);
create index sessions_live on gw.sessions (journal, id) where state = 'live';

create table gw.subjects (
  issuer text not null,
  subject text not null,
  name text not null,
  kind text not null,
  email text,
  groups text[] not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  locked boolean not null default false,
  locked_by text,
  locked_reason text,
  locked_at timestamptz,
  primary key (issuer, subject)
);
create index subjects_locked on gw.subjects (issuer, subject) where locked;
`;
