/**
 * Why policy on sensitive data does not let a statement run: hidden data would decide what is shown, flow to a place where nothing hides it,
 * be seen by code or under names that nothing is known of, or be overwritten by what gw put in its place. Pure; answers in words.
 */
import type { BoundParameter } from '../../../contract/approval.js';
import type { ClassView, ConditionRight, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Effect, Facts } from '../../../contract/operation.js';
import { type Catalog, type CatalogRelation, isView } from '../catalog/catalog.js';
import { type Lineage, sourceColumns } from '../lineage/lineage.js';
import { relationLineage } from '../lineage/statement-lineage.js';
import type { Condition, Created, Failure, Flow, Tie } from '../lineage/trace.js';
import { changedName } from './changed-names.js';
import { TEXT_TYPE } from './field-kind.js';
import { newPlace } from './inherited-columns.js';
import type { SessionTables } from './session-tables.js';
import type { ComparedTokens } from './session-tokens.js';
import type { TracedStatement } from './traced-text.js';
import { classesIn, classesOf, isHidden } from './value-plan.js';
import { boundTexts, integerSizes, writtenTexts } from './written-values.js';

export interface RefusalQuestion {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly statements: readonly TracedStatement[];
  readonly facts: Facts;
  /** Values that are bound. */
  readonly parameters: () => readonly BoundParameter[];
  /** Tokens among the literals and those bound that are compared only, and are resolved there. */
  readonly compared: () => ComparedTokens;
  readonly tables: SessionTables;
  /** Names may mean something else than in a fresh session. */
  readonly shifted: boolean;
  /** Columns of a new table inherit the tags of what they are made of. */
  readonly inherits: boolean;
}

type Name = readonly (string | null)[];

/** Commands on a relation after which its columns have other names, or code of somebody else's sees its rows. */
const RESHAPING: ReadonlySet<string> = new Set(['alter', 'rename']);
const WATCHING: ReadonlySet<string> = new Set(['trigger', 'rule', 'policy']);
/** What runs or decides later, when nobody asks any more. */
const LASTING: ReadonlySet<string> = new Set([
  'function',
  'procedure',
  'aggregate',
  'routine',
  'rule',
  'policy',
  'trigger',
  'event_trigger',
  'cast',
  'operator',
]);
/** Ways for rows to leave, or to come back under another name, that do not lead past the gateway's masks. */
const ABROAD: ReadonlySet<string> = new Set(['foreign_table', 'foreign_schema', 'foreign_server', 'user_mapping', 'fdw', 'publication', 'subscription']);
/** What changes or uses names of the session where gw does not see when. */
const NAMING: ReadonlySet<string> = new Set(['prepare', 'deallocate', 'execute', 'declare', 'fetch', 'close', 'discard']);
/** Rows of these reach what is written beside them. */
const TAKES: ReadonlySet<string> = new Set(['select', 'copy_to']);
const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'copy_from', 'truncate', 'create']);
/** What looks at the rows of a table, and shows by its end or afterwards what is in them. */
const TELLING: ReadonlySet<string> = new Set(['alter', 'rename', 'analyze', 'vacuum', 'cluster']);
const NO_SIZES: ReadonlySet<number> = new Set();
const ORDER: readonly ConditionRight[] = ['allow', 'equality', 'deny'];

/** Null: nothing is to be said against it. */
export function statementRefusal(question: RefusalQuestion): string | null {
  return firstOf(question.statements, (statement) => tracedRefusal(statement, question)) ?? effectsRefusal(question) ?? copyInRefusal(question);
}

/** What streams in is looked through while it comes: by one description, for one table. */
function copyInRefusal({ statements, door, catalog }: RefusalQuestion): string | null {
  const inputs = statements.flatMap(({ copiesIn }) => copiesIn ?? []);
  if (!inputs.some(({ relation }) => holdsHidden(relation, door, catalog))) return null;
  if (inputs.length > 1) return 'rows that are copied into a table of hidden data are looked through; send each COPY … FROM STDIN as a text of its own';
  return inputs.some(({ format }) => format === null)
    ? 'rows in this form of COPY cannot be looked through; use FORMAT text, csv or binary with delimiters of one byte, in UTF-8'
    : null;
}

function firstOf<T>(all: Iterable<T>, why: (each: T) => string | null): string | null {
  for (const each of all) {
    const found = why(each);
    if (found !== null) return found;
  }
  return null;
}

function tracedRefusal({ lineage, copy, copiesOut, literals }: TracedStatement, question: RefusalQuestion): string | null {
  const { door } = question;
  const why =
    firstOf(lineage.conditions, (each) => conditionRefusal(each, door)) ??
    firstOf(lineage.failures, (each) => failureRefusal(each, door)) ??
    firstOf(lineage.flows, (each) => flowRefusal(each, question)) ??
    firstOf(lineage.created, (each) => createdRefusal(each, question)) ??
    firstOf(lineage.ties, (each) => tieRefusal(each, question));
  if (why !== null) return why;
  if (copiesOut && copy === null && lineage.outputs.some((column) => hiddenIn(column.lineage, door) !== null || door.scan !== null))
    return 'this form of COPY cannot be masked; use FORMAT text, csv or binary with delimiters of one byte, in UTF-8';
  return writesMasked(literals, question) ? 'a value that it writes is one that gw put in the place of another; writing it would overwrite the real one' : null;
}

function writesMasked(literals: readonly string[], { door, catalog, facts, parameters, compared }: RefusalQuestion): boolean {
  const written = facts.effects.flatMap(({ action, resource }) =>
    (action === 'insert' || action === 'update') && holdsHidden(resource?.name, door, catalog) ? [resource?.name] : [],
  );
  if (written.length === 0) return false;
  const bound = parameters();
  const sizes = bound.some(({ form }) => form === 'hex')
    ? integerSizes(
        written.flatMap((name) => relationsNamed(name, catalog)),
        door,
        catalog,
      )
    : NO_SIZES;
  const isMasked = (text: string): boolean => door.isMasked(text);
  const { constants, numbers } = compared();
  return (
    without(literals, constants).flatMap(writtenTexts).some(isMasked) ||
    bound.some((each, index) => !numbers.has(index + 1) && boundTexts(each, sizes, catalog).some(isMasked))
  );
}

/** All but one of each that is compared and not written. */
function without(texts: readonly string[], compared: readonly string[]): readonly string[] {
  const left = [...texts];
  for (const each of compared) {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

function effectsRefusal({ door, catalog, tables, facts: { effects } }: RefusalQuestion): string | null {
  const reads = effects.some(({ action, resource }) => action !== 'create' && resource?.type === 'relation' && holdsHidden(resource.name, door, catalog));
  const writes = effects.some(({ action, facts }) => WRITES.has(action) && !LASTING.has(String(facts['object'])));
  const calls = effects.some(({ action, facts }) => action === 'call' && facts['class'] !== 'plain');
  // Whatever it is that is read: by the time it runs, a table of the session or a view of that name may hold or show something else.
  const moves = writes && (calls || effects.some(({ action, resource }) => TAKES.has(action) && resource?.type === 'relation'));
  const names = effects.some(({ action }) => NAMING.has(action));
  return firstOf(effects, (effect) => {
    const { action, resource, facts } = effect;
    const object = String(facts['object']);
    if (action === 'do') return 'DO runs code that is not in its text, and data that policy hides from you could flow anywhere in it';
    if (action === 'publication' || action === 'subscription' || ((action === 'create' || action === 'alter') && ABROAD.has(object)))
      return 'rows could leave or come back past what hides them from you; somebody who sees the data has to make it';
    if (action === 'create' && LASTING.has(object)) {
      if (facts['unseen_body'] === true) return 'nobody can see what its code does with data that policy hides from you';
      if (reads || moves)
        return 'what it makes would run later, and data that policy hides from you could flow or decide in it; let it only read, or only write what it is given, or have somebody make it who sees the data';
      if (names) return 'what it makes would change or use prepared statements and cursors when nobody looks at it; let it do that without them';
    }
    return (
      reshapingRefusal(effect, object, door, catalog) ??
      clusterRefusal(effect, door, catalog) ??
      tellingRefusal(effect, object, door, tables) ??
      (resource === undefined ? null : indexRefusal(effect, door, catalog))
    );
  });
}

function reshapingRefusal({ action, resource, facts }: Effect, object: string, door: MaskingDoor, catalog: Catalog | null): string | null {
  const name = resource?.name ?? [];
  const said = name.filter((part) => part !== null).join('.');
  if (RESHAPING.has(action) && resource?.type === 'schema') {
    if (catalog === null || catalog.relationsOf(name.at(-1) ?? '').some((each) => relationHides(each, door)))
      return `${said} holds data that policy hides from you, and ${action} could show it under another name`;
  }
  const reshapes = RESHAPING.has(action) || (action === 'create' && WATCHING.has(object));
  if (!reshapes || resource?.type !== 'relation') return null;
  if (facts['object'] === 'index' || facts['object'] === 'sequence') return null;
  return catalog === null || relationsNamed(name, catalog).some((each) => relationHides(each, door))
    ? `${said} holds data that policy hides from you, and ${action} could show it under another name`
    : null;
}

/**
 * A table of the session whose rows are looked at by what is done to it: its new type, constraint or index fails for some of them, statistics say how long and how
 * many different they are, and CLUSTER puts them in order. Who may not let them decide learns nothing by it.
 */
function tellingRefusal({ action, resource, facts }: Effect, object: string, door: MaskingDoor, tables: SessionTables): string | null {
  if (!TELLING.has(action) && !(action === 'create' && (object === 'index' || object === 'statistic_ext'))) return null;
  const name = resource?.type === 'relation' && object !== 'statistic_ext' ? (resource.name.at(-1) ?? null) : null;
  if (action === 'alter' && (name === null || facts['object'] === 'sequence')) return null;
  const columns = name === null ? tables.every() : (tables.columns(name) ?? []);
  const why = firstOf(columns, ({ lineage }) => conditionRefusal({ use: 'other', lineage }, door));
  return why === null ? null : `${name ?? 'a table of this session'} holds data that policy hides from you, and ${action} would tell of it: ${why}`;
}

/** An index is made by running its expressions on every row; that one fails is told. */
function indexRefusal({ action, resource, facts }: Effect, door: MaskingDoor, catalog: Catalog | null): string | null {
  if (action !== 'create' || facts['object'] !== 'index' || !holdsHidden(resource?.name, door, catalog)) return null;
  return keepsFromDeciding(resource?.name, door, catalog)
    ? 'an index on data that policy hides from you would tell of it by what it takes and what it refuses'
    : null;
}

/** Rows come in the order of the index from then on. */
function clusterRefusal({ action, resource }: Effect, door: MaskingDoor, catalog: Catalog | null): string | null {
  if (action !== 'cluster') return null;
  const denied = resource == null || catalog === null ? door.view.unknown.conditions !== 'allow' : keepsFromDeciding(resource.name, door, catalog);
  return denied ? 'CLUSTER would put rows in an order that may tell of data that policy hides from you' : null;
}

/** Whether a table of that name holds what may not decide. */
function keepsFromDeciding(name: Name | undefined, door: MaskingDoor, catalog: Catalog | null): boolean {
  return relationsNamed(name, catalog).some((relation) => hiddenClasses(relation, door).some(({ conditions }) => conditions !== 'allow'));
}

export function relationsNamed(name: Name | undefined, catalog: Catalog | null): readonly CatalogRelation[] {
  const own = name?.at(-1);
  return own == null || catalog === null ? [] : catalog.relations(name?.at(-2) ?? null, own);
}

function hiddenClasses(relation: CatalogRelation, door: MaskingDoor): readonly ClassView[] {
  return [...sourceColumns(relation).values()].flatMap((source) => classesOf(source, door.view).filter(isHidden));
}

function relationHides(relation: CatalogRelation, door: MaskingDoor): boolean {
  return hiddenClasses(relation, door).length > 0;
}

/** A relation that may be meant by the name has a column that is hidden, or is a view that shows one. */
export function holdsHidden(name: Name | undefined, door: MaskingDoor, catalog: Catalog | null): boolean {
  return relationsNamed(name, catalog).some((relation) => relationHides(relation, door) || (catalog !== null && viewHides(relation, door, catalog)));
}

function viewHides(relation: CatalogRelation, door: MaskingDoor, catalog: Catalog): boolean {
  const viewed = isView(relation) && !relation.schema.startsWith('pg_') && relation.schema !== 'information_schema';
  return viewed && relationLineage(relation, catalog).some(({ lineage }) => hiddenIn(lineage, door) !== null);
}

/** The first hidden class that a value may be of, in words; null: of none. */
export function hiddenIn(lineage: Lineage, door: MaskingDoor): string | null {
  for (const source of lineage.columns) {
    const how = classesOf(source, door.view).find(isHidden);
    if (how !== undefined) return `${source.relation.schema}.${source.relation.name}.${source.column.name} (${how.class})`;
  }
  return lineage.unknown === null ? null : `what is not known (${lineage.unknown})`;
}

/** No catalog lists a table of the session, so nothing that is later done with its rows is judged by their tags. */
function tieRefusal({ kind, name }: Tie, { door, tables }: RefusalQuestion): string | null {
  const hidden = kind === 'open' ? firstOf(tables.columns(name) ?? [], ({ lineage }) => hiddenIn(lineage, door)) : null;
  return hidden === null ? null : `${name} holds ${hidden}, and other tables would show its rows, or code would run on them`;
}

function flowRefusal({ relation, column, what, lineage }: Flow, { door, catalog, tables, facts, statements }: RefusalQuestion): string | null {
  const hidden = hiddenIn(lineage, door);
  if (hidden === null) return null;
  // Another statement of the same text may have put another table in its place.
  const replaced = facts.effects.some((effect) => changedName(effect) === relation?.name && effect.facts['temporary'] !== true);
  const opened = statements.some((each) => each.lineage.ties.some(({ kind, name }) => kind === 'open' && name === relation?.name));
  if (relation !== null && tables.keeps(relation.name) && !replaced && !opened) {
    if (relation.schema === 'pg_temp' || (relation.schema === null && catalog?.relations(null, relation.name).length === 0)) {
      // Its types, constraints and indexes are the session's own, and what they do not take is told.
      const told = conditionRefusal({ use: 'other', lineage }, door);
      return told === null ? null : `${told}: ${what} may refuse it or not; make the table of what it is to hold (CREATE TEMPORARY TABLE … AS)`;
    }
  }
  if (relation !== null && lineage.unknown === null) {
    const found = relationsNamed([relation.schema, relation.name], catalog);
    const covered =
      found.length > 0 &&
      column !== null &&
      found.every((each) => {
        const source = sourceColumns(each).get(column);
        const classes = source === undefined ? [] : classesOf(source, door.view);
        return classesIn(lineage, door.view)
          .filter(isHidden)
          .every((how) => classes.some((own) => own.class === how.class && isHidden(own)));
      });
    if (covered) {
      const told = choosesBy(lineage, column, found) ? conditionRefusal({ use: 'other', lineage }, door) : null;
      return told === null ? null : `${told}: ${what} may refuse it or not`;
    }
  }
  return `${hidden} may not flow into ${what}, where nothing would hide it`;
}

/** What is written may be refused by its value. A value that is computed is chosen by who writes the statement, and may be refused by its length alone. */
function choosesBy({ columns, exact }: Lineage, into: string, relations: readonly CatalogRelation[]): boolean {
  const places = relations.flatMap((relation) => sourceColumns(relation).get(into)?.column ?? []);
  return !exact || places.some(({ choosing, type }) => choosing === true || [...columns].some(({ column }) => column.type !== type && type !== TEXT_TYPE));
}

function createdRefusal(created: Created, { door, catalog, shifted, inherits }: RefusalQuestion): string | null {
  const { name, temporary, filled, columns } = created;
  const told = !filled ? null : firstOf(columns, ({ lineage }) => (lineage.exact ? null : keptRefusal(lineage, door)));
  if (told !== null || temporary) return told;
  const place = newPlace(created, catalog, shifted);
  return firstOf(columns, (column) => {
    const hidden = hiddenIn(column.lineage, door);
    if (hidden === null || (inherits && place !== null && column.lineage.unknown === null)) return null;
    const tags = place === null || column.name === null ? [] : door.view.columnClasses(place, column.name).filter(isHidden);
    const needed = classesIn(column.lineage, door.view).filter(isHidden);
    if (column.lineage.unknown === null && needed.every((how) => tags.some((tag) => tag.class === how.class))) return null;
    const instead = inherits
      ? 'name a schema and a table that is not there yet, or make it a temporary table'
      : 'make it a temporary table, or have its column tagged';
    return `${hidden} may not be kept in ${name}, where nothing would hide it; ${instead}`;
  });
}

/** How long a computed value is, or whether it is there, was chosen by who writes the statement: pages of the table, its plans and numbers of objects say it. */
function keptRefusal(lineage: Lineage, door: MaskingDoor): string | null {
  if (conditionRefusal({ use: 'other', lineage }, door) === null) return null;
  return `${hiddenIn(lineage, door) ?? 'what is not known'} may not decide how much room a table takes, so nothing that is computed from it is kept; keep the value as it is, or what does not come from it`;
}

/** Who may not let hidden data decide learns it no more by what fails. */
function failureRefusal({ what, lineage }: Failure, door: MaskingDoor): string | null {
  if (conditionRefusal({ use: 'other', lineage }, door) === null) return null;
  const hidden = hiddenIn(lineage, door) ?? 'what is not known';
  return `${hidden} may not decide whether the statement fails, and ${what} fails for some values and not for others; take the value as it is, or compute with what you see of it`;
}

function conditionRefusal({ use, lineage }: Condition, door: MaskingDoor): string | null {
  const hidden: readonly ClassView[] = classesIn(lineage, door.view).filter(isHidden);
  let right: ConditionRight = lineage.unknown === null ? 'allow' : door.view.unknown.conditions;
  for (const { conditions } of hidden) if (ORDER.indexOf(conditions) > ORDER.indexOf(right)) right = conditions;
  if (right === 'allow' || (right === 'equality' && use === 'equality')) return null;
  const what = hiddenIn(lineage, door) ?? 'what is not known';
  if (use === 'plan') return `${what} may not decide how many rows and bytes a plan says that there were; leave ANALYZE out`;
  return right === 'equality'
    ? `${what} may only be compared with known values here, not decide order, groups or rows in another way`
    : `${what} may not decide which rows are shown`;
}
