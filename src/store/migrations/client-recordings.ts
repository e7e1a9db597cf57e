/** Migration: recordings that the CLI makes. The content is as it was uploaded, encrypted; its key stands beside it, so that to delete the key is to erase it. */
export const clientRecordings = `
create table gw.client_recordings (
  id text collate "C" primary key,
  issuer text not null,
  subject text not null,
  name text not null,
  targets text[] not null,
  created_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'complete', 'interrupted', 'damaged')),
  received bigint not null default 0,
  digest text,
  duration_ms bigint,
  problems text[] not null default '{}',
  key bytea
);
create index client_recordings_of_subject on gw.client_recordings (issuer, subject, id desc);
create table gw.client_recording_pieces (
  recording text collate "C" not null references gw.client_recordings (id) on delete cascade,
  start bigint not null,
  bytes bytea not null,
  primary key (recording, start)
);
alter table gw.sessions add column client_recording text;
create index sessions_of_client_recording on gw.sessions (client_recording) where client_recording is not null;
`;
