/**
 * One cheap question (3 ms on a small database) whose answer changes whenever something changed on which the meaning of a name rests: rows of the catalogs that hold
 * functions, operators, casts, types, relations, columns, constraints, triggers and rules are told apart by OID and the transaction that wrote them. PostgreSQL's
 * own rows and temporary objects, which nobody else sees, are left out.
 */
/** `FirstNormalObjectId`: objects from here on were made by users and extensions. */
export const OWN_FROM = 16_384;
const SEEN = "nspname !~ '^pg_(toast|temp_|toast_temp_)'";

const digest = (key: string, from: string): string =>
  `(select count(*) || ':' || coalesce(sum(pg_catalog.hashint8extended((${key})::int8, 0)), 0) from ${from})`;
const row = (name: string, where = 'true'): string => digest('oid::int8 << 32 | xmin::text::int8', `pg_catalog.${name} where oid >= ${OWN_FROM} and ${where}`);

const VISIBLE = `select oid from pg_catalog.pg_namespace where ${SEEN}`;

/** Gives one row with one text. */
export const VERSION_QUERY = `select ${[
  row('pg_namespace', SEEN),
  row('pg_proc'),
  row('pg_operator'),
  row('pg_cast'),
  row('pg_rewrite'),
  row('pg_extension'),
  row('pg_type', `typnamespace in (${VISIBLE})`),
  row('pg_class', `relnamespace in (${VISIBLE})`),
  digest(
    'attrelid::int8 << 32 | a.xmin::text::int8 + attnum',
    `pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = attrelid where attnum > 0 and attrelid >= ${OWN_FROM} and relnamespace in (${VISIBLE}) and relkind in ('r','p','v','m','f','c')`,
  ),
  digest('inhrelid::int8 << 32 | inhparent::int8', 'pg_catalog.pg_inherits'),
  row('pg_constraint', `connamespace in (${VISIBLE})`),
  row('pg_trigger', `tgrelid in (select oid from pg_catalog.pg_class where relnamespace in (${VISIBLE}))`),
  digest('aggfnoid::oid::int8 << 32 | xmin::text::int8', `pg_catalog.pg_aggregate where aggfnoid::oid >= ${OWN_FROM}`),
  digest('objid::int8 << 8 | classid::int8 % 256', "pg_catalog.pg_depend where refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"),
  digest('oid::int8 << 1 | rolsuper::int', 'pg_catalog.pg_roles'),
  digest('setdatabase::int8 << 32 | xmin::text::int8 + setrole::int8', 'pg_catalog.pg_db_role_setting'),
].join(" || ',' || ")}`;
