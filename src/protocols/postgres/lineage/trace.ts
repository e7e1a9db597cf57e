/**
 * What one statement's tracing carries along: the catalog, what was found besides the values (conditions, flows), and the two functions
 * that call each other through it. Depth and work are limited: the text is untrusted, and over a limit nothing is known.
 */
import type { Catalog, CatalogFunction } from '../catalog/catalog.js';
import type { Tree } from '../facts/tree.js';
import { derived, isNothing, type Lineage } from './lineage.js';
import type { Level, Output } from './sources.js';

/** How a column decides which rows are shown, or in what order or groups; `plan`: how many rows and bytes the plan of a statement says that there were. */
export type ConditionUse = 'equality' | 'grouping' | 'order' | 'plan' | 'other';

export interface Condition {
  readonly use: ConditionUse;
  readonly lineage: Lineage;
}

/** What may fail for some values of these columns and not for others, in words: that it fails tells of them. */
export interface Failure {
  readonly what: string;
  readonly lineage: Lineage;
}

/** A constant, and the byte in the text where it begins. `array`: it is the text of an array of values. */
export interface GivenConstant {
  readonly at: number;
  readonly text: string;
  readonly array: boolean;
}

/** A parameter by its number, from 1, and where it stands. `array`: an array of values is bound to it. */
export interface GivenParameter {
  readonly at: number;
  readonly number: number;
  readonly array: boolean;
}

/** One column, as it is, compared with values that the client gave. Positions are bytes of the text: they are true for that very text alone. */
export interface Comparison {
  readonly lineage: Lineage;
  readonly constants: readonly GivenConstant[];
  readonly parameters: readonly GivenParameter[];
}

/** Data on its way to a place that keeps it. */
export interface Flow {
  /** Null: no table; `what` says where to. */
  readonly relation: { readonly schema: string | null; readonly name: string } | null;
  /** Null: not known which. */
  readonly column: string | null;
  readonly what: string;
  readonly lineage: Lineage;
}

/** A table that the statement makes out of a query. */
export interface Created {
  readonly schema: string | null;
  readonly name: string;
  readonly temporary: boolean;
  /** With the rows of a query. */
  readonly filled: boolean;
  readonly columns: readonly Output[];
}

/**
 * How data moves later without a statement that says so. `mixed`: among the columns of a table. `follows`: what is written into `from` may come to stand
 * in it. `open`: other relations show its rows, or code runs on them.
 */
export type Tie =
  | { readonly kind: 'mixed'; readonly name: string }
  | { readonly kind: 'open'; readonly name: string }
  | { readonly kind: 'follows'; readonly name: string; readonly from: string };

export interface LineageContext {
  /** Null: not available, so nothing is known. */
  readonly catalog: Catalog | null;
  /** Schemas in which unqualified names are looked up, in order; null: not known, any may be meant. */
  readonly searchPath: readonly string[] | null;
  /** Temporary tables of the session whose columns hold what is known here. */
  temporary(name: string): readonly Output[] | null;
  /** What a relation of this name is may have changed since the catalog was read, or another one may stand before it. */
  doubtful(name: string): boolean;
  /** Nothing is doubtful: what is found may be kept. */
  readonly steady: boolean;
  /** Code of the database ran in this session, and may have put anything into a setting. */
  readonly unseenRan: boolean;
}

/** PostgreSQL's own objects have identifiers below this one (`FirstNormalObjectId`). */
const FIRST_NORMAL_OID = 16_384;

/** PostgreSQL's own helpers of information_schema, and code that comes with a superuser's extension and is declared to depend on its arguments alone (citext, pg_trgm, hstore …). */
export function onlyComputes(code: CatalogFunction): boolean {
  if (code.schema === 'information_schema' && code.oid < FIRST_NORMAL_OID) return true;
  return code.extension != null && code.extensionOfSuperuser && code.volatility === 'immutable' && !code.securityDefiner;
}

export class TooMuch extends Error {}

const DEPTH_LIMIT = 400;
const WORK_LIMIT = 100_000;

export type ValueOf = (trace: Trace, node: unknown, level: Level) => Lineage;
export type QueryOf = (trace: Trace, node: unknown, level: Level) => readonly Output[];

export class Trace {
  readonly context: LineageContext;
  readonly conditions: Condition[] = [];
  readonly failures: Failure[] = [];
  readonly flows: Flow[] = [];
  /** Flows of constants and parameters: of no column, as far as the statement says. */
  readonly plainFlows: Flow[] = [];
  readonly created: Created[] = [];
  readonly ties: Tie[] = [];
  readonly comparisons: Comparison[] = [];
  /** A number in the text decides which column is meant (ORDER BY 2). */
  literalSensitive = false;
  /** It calls code that somebody put into the database: nothing is known of what that does or says. */
  foreign = false;
  /** Values that EXECUTE gives to what it runs. */
  readonly given: Lineage[] = [];
  /** Values that are worked out, whether or not anybody is shown them: errors tell of them. */
  readonly computed = new Set<Lineage>();
  readonly #value: ValueOf;
  readonly #query: QueryOf;
  #depth = 0;
  #work = 0;

  /** How many definitions of views around this one are being followed. */
  readonly nesting: number;

  constructor(context: LineageContext, value: ValueOf, query: QueryOf, nesting = 0) {
    this.context = context;
    this.nesting = nesting;
    this.#value = value;
    this.#query = query;
  }

  /** An operator of this name may be one whose code could read anything. */
  foreignOperator(schema: string | null, name: string): boolean {
    return (this.context.catalog?.operators(schema, name) ?? []).some((each) => !onlyComputes(each));
  }

  /** A trace of something else, by other names, whose conditions and flows count nowhere. */
  within(context: LineageContext): Trace {
    return new Trace(context, this.#value, this.#query, this.nesting + 1);
  }

  /** Where the value of an expression comes from. */
  value(node: unknown, level: Level): Lineage {
    const found = this.#within(() => this.#value(this, node, level));
    if (!found.exact && !isNothing(found)) this.computed.add(found);
    return found;
  }

  /** The columns of a SELECT, VALUES or data-modifying statement with RETURNING. */
  query(node: unknown, level: Level): readonly Output[] {
    return this.#within(() => this.#query(this, node, level));
  }

  /** The two sides of a set operation come without a tag. */
  select(node: Tree, level: Level): readonly Output[] {
    return this.query({ SelectStmt: node }, level);
  }

  /** Everything that stands in a node, as one value. */
  inside(node: Tree, level: Level, except: readonly string[]): Lineage {
    const parts: Lineage[] = [];
    for (const key of Object.keys(node)) if (!except.includes(key)) parts.push(this.value(node[key], level));
    return derived(...parts);
  }

  condition(use: ConditionUse, lineage: Lineage): void {
    if (!isNothing(lineage)) this.conditions.push({ use, lineage });
  }

  fails(what: string, lineage: Lineage): void {
    if (!isNothing(lineage)) this.failures.push({ what, lineage });
  }

  flow(flow: Flow): void {
    (isNothing(flow.lineage) ? this.plainFlows : this.flows).push(flow);
  }

  #within<T>(work: () => T): T {
    if (++this.#work > WORK_LIMIT || ++this.#depth > DEPTH_LIMIT) throw new TooMuch();
    const result = work();
    this.#depth--;
    return result;
  }
}
