/** Migration: every policy set that was ever in force, by its digest, so that a decision of any age can be read with its text. Rows are never changed. */
export const policies = `
create table gw.policies (
  digest text collate "C" primary key,
  canonical text not null,
  files text not null,
  since timestamptz not null default pg_catalog.now()
);
`;
