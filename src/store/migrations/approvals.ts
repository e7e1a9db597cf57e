/**
 * Migration 3: requests for approval. The whole record is one JSON document; beside it stand the columns that lists and looks select by.
 * A row changes only by a swap of exactly the version that was read, so `version` is part of every update's condition.
 */
export const approvals = `
create table gw.approvals (
  id text collate "C" primary key,
  version integer not null check (version > 0),
  kind text not null check (kind in ('operation', 'connect', 'access', 'break_glass')),
  state text not null check (state in ('pending', 'approved', 'denied', 'expired', 'cancelled', 'used', 'revoked')),
  issuer text not null,
  subject text not null,
  target text not null,
  session text,
  waiter text,
  digest text not null,
  asked_groups text[] not null,
  created_at timestamptz not null,
  ends_at timestamptz not null,
  reviewed boolean not null,
  record jsonb not null,
  constraint only_grants_and_pending_wait check (waiter is null or state in ('pending', 'approved'))
);
create index approvals_open on gw.approvals (ends_at) where state in ('pending', 'approved');
create index approvals_of_digest on gw.approvals (digest) where state in ('pending', 'approved');
create index approvals_of_requester on gw.approvals (issuer, subject, id desc);
create index approvals_of_session on gw.approvals (session) where session is not null;
create index approvals_asked on gw.approvals using gin (asked_groups) where state = 'pending';
create index approvals_unreviewed on gw.approvals (id) where kind = 'break_glass' and not reviewed;
`;
