/**
 * Reads the catalog of the target's server on a connection of its own after `connect`: one snapshot, read-only, within a deadline that the
 * server keeps too. Everything that comes is the target's word. More than the limits allow is no catalog; then names are judged as without one.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { ProtocolCatalog, UpstreamConnection } from '../../../contract/protocol.js';
import { isBuiltin } from '../facts/builtin-functions.js';
import { dangerousClass } from '../facts/functions.js';
import type { PostgresStartup } from '../login.js';
import {
  type CatalogColumn,
  type CatalogContents,
  type CatalogFunction,
  type CatalogRelation,
  type CatalogType,
  createCatalog,
  type RelationKind,
  taggedCatalog,
} from './catalog.js';
import { OWN_FROM, VERSION_QUERY } from './catalog-version.js';
import { type Row, SideSession } from './side-session.js';

/** Of one load, on the wire. */
const BYTES_LIMIT = 64 << 20;
/** Of one kind of thing: relations, columns, functions … */
const ROWS_LIMIT = 500_000;
const VERSION_BYTES = 64 << 10;
/** SQLSTATEs of a definition that somebody holds a lock on: it is asked for again. */
const BUSY: ReadonlySet<string> = new Set(['55P03', '57014', '40P01']);

const NO_PARENTS: readonly number[] = Object.freeze([]);

/** The login's own path may have things in it that pass for PostgreSQL's, and this connection has the gateway's rights. */
const NO_PATH = "set search_path = ''";

/** What a session of this login begins with, by what stands in the catalog now: the most particular setting counts (`process_settings` of PostgreSQL). */
const LOGIN_PATH = `select pg_catalog.substr(setting, 13) as path from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) setting
where pg_catalog.starts_with(setting, 'search_path=') and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
  and setrole in (0, (select oid from pg_catalog.pg_roles where rolname = session_user))
order by setrole <> 0 desc, setdatabase <> 0 desc limit 1`;
/** Where a connection's own path comes from when it began with one of those. */
const OF_LOGINS: ReadonlySet<string> = new Set(['global', 'database', 'user', 'database user']);

const VISIBLE_SCHEMA = "nspname !~ '^pg_(toast|temp_|toast_temp_)'";
const KINDS = "relkind in ('r','p','v','m','f','c','S')";

const RELATIONS = `select c.oid, nspname, relname, relkind from pg_class c join pg_namespace n on n.oid = relnamespace where ${KINDS} and ${VISIBLE_SCHEMA}`;
const COLUMNS = `select attrelid, attnum, attname, atttypid, attgenerated <> '', atthasmissing, attcollation in (select oid from pg_collation where not collisdeterministic) from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where attnum > 0 and not attisdropped and ${KINDS} and ${VISIBLE_SCHEMA} order by attrelid, attnum`;
/**
 * An aggregate is declared immutable whatever its functions are, so it is as bad as the worst of them. That they are looked for of aggregates only is said
 * within: as a condition of the join it is tried after the list of aggregates was gone through, for each of the 3,000 functions of every server.
 */
const FUNCTIONS = `select p.oid, nspname, p.proname, p.prokind,
  coalesce(worst.volatility, p.provolatile), p.prosecdef or coalesce(worst.definer, false), r.rolname, coalesce(r.rolsuper, false) and coalesce(worst.super, true),
  lanname, extname, coalesce(extowner.rolsuper, false), p.prorettype, p.proretset
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang left join pg_roles r on r.oid = p.proowner
left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' left join pg_extension e on e.oid = d.refobjid
left join pg_roles extowner on extowner.oid = e.extowner
left join lateral (select case when bool_or(f.provolatile = 'v') then 'v' when bool_or(f.provolatile = 's') then 's' else 'i' end::"char" as volatility,
    bool_or(f.prosecdef) as definer, bool_and(coalesce(fr.rolsuper, false)) as super
  from pg_aggregate a join pg_proc f on f.oid in (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn)
  left join pg_roles fr on fr.oid = f.proowner where p.prokind = 'a' and a.aggfnoid = p.oid having count(*) > 0) worst on true
where not (nspname = 'pg_catalog' and p.prokind = 'a' and p.oid < ${OWN_FROM})`;
const OPERATORS = `select oprcode::oid, nspname, oprname from pg_operator o join pg_namespace n on n.oid = oprnamespace where (o.oid >= ${OWN_FROM} or nspname <> 'pg_catalog') and oprcode <> 0`;
const TYPES = `select t.oid, nspname, typname, typtype, typbasetype, typelem, typrelid, typcategory from pg_type t join pg_namespace n on n.oid = typnamespace where ${VISIBLE_SCHEMA}`;
const CONVERSIONS = `select castsource, castfunc::oid from pg_cast where oid >= ${OWN_FROM} and castfunc <> 0 union
  select casttarget, castfunc::oid from pg_cast where oid >= ${OWN_FROM} and castfunc <> 0 union
  select contypid, refobjid from pg_constraint c join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = c.oid and d.refclassid = 'pg_proc'::regclass
  where contypid <> 0`;
/** Not NOT NULL: whether a column has a value is shown. Of a domain every value of the same type is one. */
const CHOOSING = `select a.attrelid, a.attnum from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = relnamespace
where a.attnum > 0 and not a.attisdropped and c.oid >= ${OWN_FROM} and relkind in ('r','p','f') and ${VISIBLE_SCHEMA} and (
  a.atttypmod >= 0 or relkind <> 'r' or relispartition or relhasrules or relrowsecurity
  or a.attrelid in (select tgrelid from pg_trigger where not tgisinternal)
  or a.attrelid in (select attrelid from pg_attribute where attgenerated <> '')
  or a.attrelid in (select indrelid from pg_index where indexprs is not null or indpred is not null)
  or a.attrelid in (select conrelid from pg_constraint where contype <> 'n' and conkey is null)
  or (a.attrelid, a.attnum) in (select conrelid, unnest(conkey) from pg_constraint where contype <> 'n')
  or (a.attrelid, a.attnum) in (select indrelid, unnest(indkey::int2[]) from pg_index where indisunique))`;
const KEYS = 'select partrelid, unnest(partattrs) from pg_partitioned_table';
const PARENTS = 'select inhrelid, inhparent from pg_inherits';
/** From PostgreSQL 17 on it takes locks, too. */
const EXPRESSIONS = `select adrelid, adnum, pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where attgenerated <> '' and not attisdropped and ${KINDS} and ${VISIBLE_SCHEMA}`;
const DEFINITIONS = `select c.oid, pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('v','m') and ${VISIBLE_SCHEMA}`;
const OWN_DEFINITIONS = `${DEFINITIONS} and c.oid >= ${OWN_FROM}`;
/** Changes when somebody defines one of PostgreSQL's own views anew, which nobody should. */
const BUILTIN_VIEWS = `select count(*) || ':' || coalesce(sum(pg_catalog.hashint8extended(oid::int8 << 32 | xmin::text::int8, 0)), 0) from pg_catalog.pg_rewrite where oid < ${OWN_FROM}`;
/** Definitions of PostgreSQL's own views as a connection gave them: to write them all takes the server as long as everything else that a load asks. */
const builtinViews = new WeakMap<UpstreamConnection, { readonly state: string; readonly rows: readonly Row[] }>();

export const postgresCatalog: ProtocolCatalog = {
  startup: (scope): PostgresStartup => ({ settings: new Map([['application_name', 'gw catalog']]), database: scope ?? '', welcomed: false }),
  load: loadCatalog,
  tagged: taggedCatalog,
  version: async (connection, timeoutMs) => {
    const session = new SideSession(connection, VERSION_BYTES);
    await session.rows(`${NO_PATH}; set statement_timeout = ${Math.max(1, Math.round(timeoutMs))}`);
    const version = text((await session.rows(VERSION_QUERY))[0] ?? [], 0);
    session.release();
    return version;
  },
};

async function loadCatalog(connection: UpstreamConnection, timeoutMs: number): ReturnType<ProtocolCatalog['load']> {
  const limit = Math.max(1, Math.round(timeoutMs));
  const session = new SideSession(connection, BYTES_LIMIT);
  await session.rows(NO_PATH);
  const part = text((await session.rows('select pg_catalog.current_database()'))[0] ?? [], 0);
  await session.rows(
    `begin isolation level repeatable read read only; set local statement_timeout = ${limit}; set local lock_timeout = ${Math.min(limit, 500)}`,
  );
  const version = text((await session.rows(VERSION_QUERY))[0] ?? [], 0);
  const path = await loginPath(session);
  const relations = await session.rows(RELATIONS);
  const columns = await session.rows(COLUMNS);
  const parents = await session.rows(PARENTS);
  const keys = await session.rows(KEYS);
  const choosing = await session.rows(CHOOSING);
  const functions = await session.rows(FUNCTIONS);
  const operators = await session.rows(OPERATORS);
  const types = await session.rows(TYPES);
  const conversions = await session.rows(CONVERSIONS);
  const builtin = text((await session.rows(BUILTIN_VIEWS))[0] ?? [], 0);
  const kept = builtinViews.get(connection);
  const known = kept?.state === builtin ? kept.rows : null;
  // Last: they take locks, and a view or table that is being changed costs the definitions or the expressions alone.
  await session.rows('savepoint definitions');
  const definitions = await session.query(known === null ? DEFINITIONS : OWN_DEFINITIONS);
  await session.rows('rollback to savepoint definitions');
  const expressions = await session.query(EXPRESSIONS);
  await session.rows('rollback');
  session.release();
  if (known === null && definitions.error === null)
    builtinViews.set(connection, { state: builtin, rows: definitions.rows.filter((row) => oid(row, 0) < OWN_FROM) });
  const views = [...(known ?? []), ...definitions.rows];
  const whole = [definitions, expressions].every(({ error }) => error === null || !BUSY.has(error));
  const named = whole ? version : `${version} without definitions`;
  if ([relations, columns, parents, keys, functions, operators, types, conversions, views, expressions.rows].some((rows) => rows.length > ROWS_LIMIT))
    return { version: named, snapshot: null, part };
  const contents: CatalogContents = {
    version: named,
    searchPath: path,
    relations: readRelations(
      relations,
      columns,
      parents,
      keys,
      new Set(choosing.map((row) => placeOf(oid(row, 0), oid(row, 1)))),
      new Map(definitions.error === null ? views.map((row) => [oid(row, 0), row[1] ?? null]) : []),
      new Map(expressions.error === null ? expressions.rows.map((row) => [placeOf(oid(row, 0), oid(row, 1)), row[2] ?? null]) : []),
    ),
    ...readFunctions(functions, operators),
    types: types.map(readType),
    conversions: conversions.map((row) => [oid(row, 0), oid(row, 1)] as const),
  };
  return { version: named, snapshot: createCatalog(contents), part };
}

/** Schemas in which a session that begins now looks for names. In a transaction. */
async function loginPath(session: SideSession): Promise<readonly string[]> {
  const [set] = await session.rows(`select pg_catalog.set_config('search_path', path, true) from (${LOGIN_PATH}) login`);
  if (set === undefined) {
    await session.rows('set local search_path to default');
    const source = text((await session.rows("select source from pg_catalog.pg_settings where name = 'search_path'"))[0] ?? [], 0);
    if (OF_LOGINS.has(source)) throw new GwError('target.protocol', 'The connection for the catalog began with a search_path that its login has no more.');
  }
  const path = await session.rows('select pg_catalog.unnest(pg_catalog.current_schemas(true))');
  await session.rows("set local search_path = ''");
  return path.map((row) => text(row, 0));
}

function readRelations(
  relations: readonly Row[],
  columns: readonly Row[],
  parents: readonly Row[],
  keys: readonly Row[],
  choosing: ReadonlySet<string>,
  definitions: ReadonlyMap<number, string | null>,
  expressions: ReadonlyMap<string, string | null>,
): CatalogRelation[] {
  const byRelation = new Map<number, CatalogColumn[]>();
  for (const row of columns) {
    const relation = oid(row, 0);
    const expression = expressions.get(placeOf(relation, oid(row, 1))) ?? null;
    const computed: Partial<CatalogColumn> = row[4] === 't' ? { generated: true, ...(expression === null ? {} : { expression }) } : {};
    const column: CatalogColumn = {
      name: text(row, 2),
      number: oid(row, 1),
      type: oid(row, 3),
      ...computed,
      ...(row[5] === 't' ? { missing: true } : {}),
      ...(row[6] === 't' ? { loose: true } : {}),
      ...(choosing.has(placeOf(relation, oid(row, 1))) ? { choosing: true } : {}),
    };
    const known = byRelation.get(relation);
    if (known === undefined) byRelation.set(relation, [column]);
    else known.push(column);
  }
  const above = byFirst(parents);
  const keyed = byFirst(keys);
  return relations.map((row) => {
    const id = oid(row, 0);
    const key = keyed.get(id);
    return {
      oid: id,
      schema: text(row, 1),
      name: text(row, 2),
      kind: word<RelationKind>(row, 3, 'rpvmfcS'),
      columns: byRelation.get(id) ?? [],
      definition: definitions.get(id) ?? null,
      parents: above.get(id) ?? NO_PARENTS,
      ...(key === undefined ? {} : { key }),
    };
  });
}

function byFirst(rows: readonly Row[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const row of rows) {
    const known = found.get(oid(row, 0));
    if (known === undefined) found.set(oid(row, 0), [oid(row, 1)]);
    else known.push(oid(row, 1));
  }
  return found;
}

const placeOf = (relation: number, column: number): string => `${relation}.${column}`;

const VOLATILITY = { i: 'immutable', s: 'stable', v: 'volatile' } as const;

function readFunctions(functions: readonly Row[], operators: readonly Row[]): Pick<CatalogContents, 'functions' | 'operators'> {
  const all = functions.map(
    (row): CatalogFunction => ({
      oid: oid(row, 0),
      schema: text(row, 1),
      name: text(row, 2),
      kind: word<CatalogFunction['kind']>(row, 3, 'fpaw'),
      volatility: VOLATILITY[word<keyof typeof VOLATILITY>(row, 4, 'isv')],
      securityDefiner: row[5] !== 'f',
      owner: row[6] ?? '',
      ownerSuperuser: row[7] === 't',
      language: text(row, 8),
      extension: row[9] ?? null,
      extensionOfSuperuser: row[10] === 't',
      returnType: oid(row, 11),
      returnsSet: row[12] !== 'f',
    }),
  );
  const byOid = new Map(all.map((each) => [each.oid, each]));
  return {
    functions: all.filter(({ oid: id, schema, name }) => schema !== 'pg_catalog' || id >= OWN_FROM || !(isBuiltin(name) || dangerousClass(name) !== null)),
    operators: operators.flatMap((row) => {
      const code = byOid.get(oid(row, 0));
      return code === undefined ? [] : [{ ...code, schema: text(row, 1), name: text(row, 2) }];
    }),
  };
}

function readType(row: Row): CatalogType {
  return {
    oid: oid(row, 0),
    schema: text(row, 1),
    name: text(row, 2),
    kind: text(row, 3),
    base: oid(row, 4),
    element: oid(row, 5),
    relation: oid(row, 6),
    category: text(row, 7),
  };
}

function text(row: Row, at: number): string {
  const value = row[at];
  if (value == null) throw malformed();
  return value;
}

/** An unsigned number of at most 32 bits. */
function oid(row: Row, at: number): number {
  const value = text(row, at);
  if (!/^\d{1,10}$/.test(value)) throw malformed();
  return Number(value);
}

function word<Word extends string>(row: Row, at: number, known: string): Word {
  const value = text(row, at);
  if (value.length !== 1 || !known.includes(value)) throw malformed();
  return value as Word;
}

function malformed(): GwError {
  return new GwError('target.protocol', 'The target sent a catalog that cannot be read.');
}
