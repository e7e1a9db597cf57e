/** Migration: no session is opened under a recording of the CLI from its judgement on, and which sessions it was judged with. Null: by an older gateway. */
export const judgedRecordings = `
alter table gw.client_recordings add column closed boolean not null default false;
alter table gw.client_recordings add column judged text[];
`;
