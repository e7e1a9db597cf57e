/** Migration: tags that columns have because of what they hold. `origin`: JSON, names of columns; `object` null: of any relation of that name, until it is forgotten. */
export const inheritedTags = `
create table gw.inherited_tags (
  id bigint generated always as identity primary key,
  target text not null,
  part text not null,
  relation text not null,
  object text,
  column_number integer not null,
  column_name text,
  origin text not null,
  exact boolean not null,
  reason text not null,
  session text not null,
  subject text not null,
  since timestamptz not null default pg_catalog.now(),
  seen timestamptz not null default pg_catalog.now(),
  matched timestamptz
);
create unique index inherited_tags_once on gw.inherited_tags (target, part, pg_catalog.md5(relation), (coalesce(object, '')), column_number, pg_catalog.md5(origin), exact);
`;
