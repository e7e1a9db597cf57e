/** Migration: what of a recording of the CLI was compared with the gateway's record, and what was not. */
export const comparedRecordings = `
alter table gw.client_recordings add column compared text[] not null default '{}';
alter table gw.client_recordings add column uncompared jsonb not null default '[]';
`;
