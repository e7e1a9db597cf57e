/**
 * Masking of one session: what its statements would show, by the policy in force at each operation. Before an operation goes up it says why
 * policy would not let hidden data decide, flow or be overwritten; when its result comes down it masks it.
 */
import type { ClassView, ConditionRight, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Facts } from '../../../contract/operation.js';
import type { Guard } from '../../../contract/protocol.js';
import type { Verdict } from '../../../contract/verdict.js';
import type { Catalog, CatalogRelation } from '../catalog/catalog.js';
import { Back } from '../codec/message.js';
import type { Analysis } from '../facts/index.js';
import { derived, type Lineage, sourceColumns } from '../lineage/lineage.js';
import { type Output, output } from '../lineage/sources.js';
import type { Condition, Created, Flow } from '../lineage/trace.js';
import type { NameSpace, Portal, Statement, StatementSource } from '../names.js';
import { scrubNotification, scrubWords } from './message-scrubber.js';
import { ResultMasker } from './result-masker.js';
import { NOTHING_KNOWN, type TracedStatement, traceText } from './traced-text.js';
import { classesIn, classesOf, isHidden } from './value-plan.js';

/** What is asked of the session's conversation. */
export interface MaskedConversation {
  readonly context: { readonly guard: Pick<Guard, 'masking' | 'masked'> };
  readonly statements: NameSpace<Statement>;
  readonly portals: NameSpace<Portal>;
  readonly segment: number;
  /** A name of the text may mean something else than in a fresh session. */
  readonly shifted: boolean;
  /** Null: not known for certain. */
  relations(): Catalog | null;
}

/** What an operation shows, and why it may not run. */
export interface OperationMask {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly statements: readonly TracedStatement[];
  /** It reads, compares or writes hidden data, or may. */
  readonly touches: boolean;
  /** Null: policy on sensitive data has nothing against it. */
  readonly refusal: string | null;
}

const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'copy_from', 'truncate', 'unknown', 'do', 'procedure']);
/** Commands on a relation after which its columns have other names, or code of somebody else's sees its rows. */
const RESHAPING: ReadonlySet<string> = new Set(['alter', 'rename']);
const WATCHING: ReadonlySet<string> = new Set(['trigger', 'rule']);

export class SessionMasking {
  readonly #talk: MaskedConversation;
  readonly #maskers = new WeakMap<Verdict, ResultMasker>();
  /** Temporary tables of this session that hold what was copied out of others. */
  readonly #temporary = new Map<string, readonly Output[]>();

  constructor(talk: MaskedConversation) {
    this.#talk = talk;
  }

  /** Null: nothing is tagged or looked for on this target. */
  get door(): MaskingDoor | null {
    return this.#talk.context.guard.masking();
  }

  ofText(analysis: Analysis, text: Uint8Array, facts: Facts): OperationMask | null {
    const { door } = this;
    return door === null ? null : this.#mask(door, this.#resolved(this.#trace({ analysis, text, index: null, inner: false })), facts, []);
  }

  /** `parameters`: texts that are bound. */
  ofStatement(statement: Statement, parameters: readonly string[]): OperationMask | null {
    const { door } = this;
    return door === null ? null : this.#mask(door, this.#resolved(this.#trace(statement.source)), statement.facts, parameters);
  }

  /** The operation was let through: what comes down under this verdict is masked so. */
  attach(verdict: Verdict, mask: OperationMask, portal: Portal | null): void {
    const { guard } = this.#talk.context;
    for (const { lineage } of mask.statements) {
      for (const created of lineage.created) this.#remember(created);
      for (const flow of lineage.flows) this.#taint(flow);
    }
    this.#maskers.set(verdict, new ResultMasker({ ...mask, portal }, (how, values) => guard.masked(verdict, how, values)));
  }

  masker(verdict: Verdict | null): ResultMasker | null {
    return verdict === null ? null : (this.#maskers.get(verdict) ?? null);
  }

  /** What the server says outside of a result. Null: it is malformed. */
  scrub(buffer: Buffer, at: number, next: number, verdict: Verdict | null): Buffer | null {
    const { door } = this;
    if (door === null) return buffer.subarray(at, next);
    const tell = (): void => undefined;
    if (buffer[at] === Back.NotificationResponse) return scrubNotification(buffer, at, next, door, tell);
    return scrubWords(buffer, at, next, door, this.masker(verdict)?.touches ?? true, tell);
  }

  #trace({ analysis, text, index, inner }: StatementSource): readonly TracedStatement[] {
    const catalog = this.#talk.relations();
    const own = this.#temporary.size > 0;
    const context = {
      catalog,
      searchPath: this.#talk.shifted ? null : (catalog?.searchPath ?? null),
      temporary: (name: string) => this.#temporary.get(name) ?? null,
    };
    const all = traceText(analysis, text, context, own);
    if (index === null) return all;
    const found = all[index];
    const meant = inner ? found?.inner : found;
    return meant == null ? NOTHING_KNOWN : [meant];
  }

  /** With what is run by a name in its place. */
  #resolved(statements: readonly TracedStatement[]): readonly TracedStatement[] {
    if (!statements.some(({ lineage }) => lineage.runs !== null)) return statements;
    return statements.map((statement) => {
      const { runs } = statement.lineage;
      if (runs === null) return statement;
      const { segment } = this.#talk;
      const found = runs.kind === 'statement' ? this.#talk.statements.lookup(runs.name, segment) : this.#talk.portals.lookup(runs.name, segment);
      if (found === null || found === 'unsettled') return statement;
      const source = 'source' in found ? found.source : found.statement.source;
      const [run] = this.#trace(source);
      if (run === undefined || run.lineage.runs !== null) return statement;
      return { ...run, lineage: { ...run.lineage, conditions: [...statement.lineage.conditions, ...run.lineage.conditions] } };
    });
  }

  #mask(door: MaskingDoor, statements: readonly TracedStatement[], facts: Facts, parameters: readonly string[]): OperationMask {
    const catalog = this.#talk.relations();
    const touches = door.view.hides && this.#touches(door, catalog, statements, facts);
    return { door, catalog, statements, touches, refusal: door.view.hides ? this.#refusal(door, catalog, statements, facts, parameters) : null };
  }

  #touches(door: MaskingDoor, catalog: Catalog | null, statements: readonly TracedStatement[], facts: Facts): boolean {
    const hides = ({ lineage }: { readonly lineage: Lineage }): boolean => hiddenIn(lineage, door) !== null;
    if (statements.some(({ lineage: { outputs, conditions, flows } }) => outputs.some(hides) || conditions.some(hides) || flows.some(hides))) return true;
    // A constraint that fails shows the row.
    return facts.effects.some(({ action, resource }) => WRITES.has(action) && this.#holdsHidden(resource?.name, door, catalog));
  }

  #refusal(door: MaskingDoor, catalog: Catalog | null, statements: readonly TracedStatement[], facts: Facts, parameters: readonly string[]): string | null {
    for (const { lineage, copy, copiesOut, literals } of statements) {
      for (const condition of lineage.conditions) {
        const why = conditionRefusal(condition, door);
        if (why !== null) return why;
      }
      for (const flow of lineage.flows) {
        const why = this.#flowRefusal(flow, door, catalog);
        if (why !== null) return why;
      }
      for (const created of lineage.created) {
        const why = this.#createdRefusal(created, door, catalog);
        if (why !== null) return why;
      }
      if (copiesOut && copy === null && lineage.outputs.some((column) => hiddenIn(column.lineage, door) !== null || door.scan !== null))
        return 'this form of COPY cannot be masked; use FORMAT text, csv or binary with delimiters of one byte, in UTF-8';
      const writes = facts.effects.some(
        ({ action, resource }) => (action === 'insert' || action === 'update') && this.#holdsHidden(resource?.name, door, catalog),
      );
      if (writes && [...literals, ...parameters].some((text) => door.isMasked(text)))
        return 'a value that it writes is one that gw put in the place of another; writing it would overwrite the real one';
    }
    for (const { action, resource, facts: each } of facts.effects) {
      const reshapes = RESHAPING.has(action) || (action === 'create' && WATCHING.has(String(each['object'])));
      if (reshapes && resource?.type === 'relation' && this.#holdsHidden(resource.name, door, catalog))
        return `${resource.name.filter((part) => part !== null).join('.')} holds data that policy hides from you, and ${action} could show it under another name`;
    }
    return null;
  }

  #relations(name: readonly (string | null)[] | undefined, catalog: Catalog | null): readonly CatalogRelation[] {
    const own = name?.at(-1);
    return own == null || catalog === null ? [] : catalog.relations(name?.at(-2) ?? null, own);
  }

  #holdsHidden(name: readonly (string | null)[] | undefined, door: MaskingDoor, catalog: Catalog | null): boolean {
    return this.#relations(name, catalog).some((relation) =>
      [...sourceColumns(relation).values()].some((source) => classesOf(source, door.view).some(isHidden)),
    );
  }

  #flowRefusal({ relation, column, what, lineage }: Flow, door: MaskingDoor, catalog: Catalog | null): string | null {
    const hidden = hiddenIn(lineage, door);
    if (hidden === null) return null;
    if (relation !== null && (relation.schema === null || relation.schema === 'pg_temp') && this.#temporary.has(relation.name)) return null;
    if (relation !== null && lineage.unknown === null) {
      const found = this.#relations([relation.schema, relation.name], catalog);
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
      if (covered) return null;
    }
    return `${hidden} may not flow into ${what}, where nothing would hide it`;
  }

  #createdRefusal({ schema, name, temporary, columns }: Created, door: MaskingDoor, catalog: Catalog | null): string | null {
    if (temporary) return null;
    const home = schema ?? (this.#talk.shifted ? null : (catalog?.searchPath.find((each) => !each.startsWith('pg_')) ?? null));
    for (const column of columns) {
      const hidden = hiddenIn(column.lineage, door);
      if (hidden === null) continue;
      const tags = home === null || column.name === null ? [] : door.view.columnClasses([home, name], column.name).filter(isHidden);
      const needed = classesIn(column.lineage, door.view).filter(isHidden);
      if (column.lineage.unknown === null && needed.every((how) => tags.some((tag) => tag.class === how.class))) continue;
      return `${hidden} may not be kept in ${name}, where nothing would hide it; make it a temporary table, or have its column tagged`;
    }
    return null;
  }

  #remember({ name, temporary, columns }: Created): void {
    if (temporary) this.#temporary.set(name, this.#temporary.has(name) ? [output(null, derived(...columns.map(({ lineage }) => lineage)), true)] : columns);
  }

  /** What flows into a temporary table of the session is in it from then on. */
  #taint({ relation, column, lineage }: Flow): void {
    const columns = relation === null ? undefined : this.#temporary.get(relation.name);
    if (relation === null || columns === undefined) return;
    this.#temporary.set(
      relation.name,
      columns.map((each) => (column === null || each.many || each.name === column ? { ...each, lineage: derived(each.lineage, lineage) } : each)),
    );
  }
}

/** The first hidden class that a value may be of, in words; null: of none. */
function hiddenIn(lineage: Lineage, door: MaskingDoor): string | null {
  for (const source of lineage.columns) {
    const how = classesOf(source, door.view).find(isHidden);
    if (how !== undefined) return `${source.relation.schema}.${source.relation.name}.${source.column.name} (${how.class})`;
  }
  return lineage.unknown === null ? null : `what is not known (${lineage.unknown})`;
}

const ORDER: readonly ConditionRight[] = ['allow', 'equality', 'deny'];

function conditionRefusal({ use, lineage }: Condition, door: MaskingDoor): string | null {
  const hidden: readonly ClassView[] = classesIn(lineage, door.view).filter(isHidden);
  let right: ConditionRight = lineage.unknown === null ? 'allow' : door.view.unknown.conditions;
  for (const { conditions } of hidden) if (ORDER.indexOf(conditions) > ORDER.indexOf(right)) right = conditions;
  if (right === 'allow' || (right === 'equality' && use === 'equality')) return null;
  const what = hiddenIn(lineage, door) ?? 'what is not known';
  return right === 'equality'
    ? `${what} may only be compared with known values here, not decide order, groups or rows in another way`
    : `${what} may not decide which rows are shown`;
}
