/** Migration: sessions are listed by names in any case, as operations are found. */
export const namesInAnyCase = `
create index sessions_of_name_in_any_case on gw.sessions (pg_catalog.lower(name), id desc);
drop index gw.sessions_of_name;
`;
