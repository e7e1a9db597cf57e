/**
 * Masking of one session: what its statements would show, by the policy in force at each operation. Before an operation goes up it says why
 * policy would not let hidden data decide, flow or be overwritten; when its result comes down it masks it.
 */

import type { BoundParameter } from '../../../contract/approval.js';
import type { NewInheritedTag } from '../../../contract/inherited-tags.js';
import type { ClearColumn, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Facts } from '../../../contract/operation.js';
import type { Guard } from '../../../contract/protocol.js';
import type { Verdict } from '../../../contract/verdict.js';
import type { Catalog } from '../catalog/catalog.js';
import { Back } from '../codec/message.js';
import type { Analysis } from '../facts/index.js';
import { givenValues } from '../lineage/given-values.js';
import { derived, isNothing, type Lineage, oneOf, unknownLineage } from '../lineage/lineage.js';
import { type Output, output } from '../lineage/sources.js';
import { measured, type StatementLineage } from '../lineage/statement-lineage.js';
import type { Comparison } from '../lineage/trace.js';
import type { Portal, Statement, StatementSource } from '../names.js';
import { shiftsMeaning } from '../shifted-meaning.js';
import { ChangedNames, changedName } from './changed-names.js';
import { clearColumns } from './clear-columns.js';
import { Inheritance } from './inheritance.js';
import { inheritedColumns, unknownMove } from './inherited-columns.js';
import { InputWatch } from './input-watch.js';
import { scrubNotification, scrubSetting, scrubWords } from './message-scrubber.js';
import { ResultMasker } from './result-masker.js';
import { SessionTables } from './session-tables.js';
import { type ComparedTokens, comparedTokens, mayBeToken, mayHoldTokens, SessionTokens, type TokenAnswer, type TokenQuestion } from './session-tokens.js';
import { hiddenIn, holdsHidden, relationsNamed, statementRefusal } from './statement-refusal.js';
import type { Beside } from './token-resolution.js';
import { NOTHING_KNOWN, type TracedStatement, traceText, withoutCatalog } from './traced-text.js';
import { unresolvedToken } from './unresolved-tokens.js';
import { watchedFields } from './written-values.js';

/** What is asked of the session's conversation. */
export interface MaskedConversation {
  readonly context: {
    readonly guard: Pick<Guard, 'masking' | 'masked' | 'resolved'>;
    readonly beside: Beside;
    readonly inheritTags: ((tags: readonly NewInheritedTag[]) => Promise<void>) | null;
    recheckCatalog(): Promise<void>;
  };
  /** The statement that an EXECUTE or FETCH of this name runs as its own text says; null: it is another one, or not known. */
  followed(kind: 'execute' | 'fetch', name: string): Statement | null;
  /** A name of the text may mean something else than in a fresh session. */
  readonly shifted: boolean;
  /** Where the transaction stands: the letter of ReadyForQuery. */
  readonly block: number;
  readonly flight: { readonly running: boolean };
  /** What names mean; null: not known for certain. */
  relations(): Catalog | null;
}

/** What an operation shows, and why it may not run. */
export interface OperationMask {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  readonly statements: readonly TracedStatement[];
  /** It reads, compares or writes hidden data, or may. */
  readonly touches: boolean;
  /** What it changes of names and tables is told by these. */
  readonly facts: Facts;
  /** Null: policy on sensitive data has nothing against it. */
  readonly refusal: string | null;
  /** Hidden columns that it would show in clear if people let it; null: none. */
  readonly clears: readonly ClearColumn[] | null;
  /** Columns that it makes or renames, with the tags that they have from then on. */
  readonly inherits: readonly NewInheritedTag[];
  /** It is the same in every session of which nothing else is known, and changes nothing of what is known. */
  readonly onlyReads: boolean;
}

/** Reading is judged by what is read; of everything else, the server's words may show the rows of what it is about. */
const READS: ReadonlySet<string> = new Set(['select', 'copy_to', 'explain', 'lock']);
const UNSEEN: ReadonlySet<string> = new Set(['unknown', 'do', 'procedure']);
const RUNNING: ReadonlySet<string> = new Set(['user', 'dynamic_sql']);
const ABOUT_SETTINGS = /show|setting|u&/i;
const NO_TAGS: readonly NewInheritedTag[] = Object.freeze([]);
const NOT_KEPT = 'the tags of the columns that it makes or renames could not be kept, and without them nothing would hide what is in them; try again';
/** Names of its own that a session may rename before the catalog has them. */
const PLAIN_LIMIT = 10_000;
const NO_TEXT = new Uint8Array(0);
const NONE_BOUND = (): readonly BoundParameter[] => [];
const NONE_COMPARED: ComparedTokens = Object.freeze({ constants: [], numbers: new Set<number>() });
const IDLE = 0x49;
const TRANSACTION: ReadonlySet<string> = new Set(['transaction', 'set']);

export class SessionMasking {
  readonly #talk: MaskedConversation;
  readonly #masks = new WeakMap<Verdict, OperationMask>();
  readonly #watches = new WeakMap<Verdict, InputWatch | null>();
  readonly #inheritance = new Inheritance();
  readonly #tokens = new SessionTokens();
  readonly #tables = new SessionTables();
  readonly #changed = new ChangedNames();
  /** Names of relations that this session made and that inherit nothing. */
  readonly #plain = new Set<string>();
  /** What a cursor was when it was declared: it stays that, whatever its names mean by now. */
  readonly #declared = new WeakMap<Statement, TracedStatement>();
  /** Something of hidden data may fail no sooner than at COMMIT. */
  #touched = false;
  /** Code of the database ran, and may have put anything into a setting. */
  #unseenRan = false;

  constructor(talk: MaskedConversation) {
    this.#talk = talk;
  }

  get unseenRan(): boolean {
    return this.#unseenRan;
  }

  /** A text that may read settings, which code that was not seen may have changed. */
  isAboutSettings(text: Uint8Array): boolean {
    return ABOUT_SETTINGS.test(Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1'));
  }

  /** Null: nothing is tagged or looked for on this target. */
  get door(): MaskingDoor | null {
    return this.#talk.context.guard.masking();
  }

  /** `kept`: it is prepared, and run later. */
  ofText(analysis: Analysis, text: Uint8Array, facts: Facts, kept: boolean): OperationMask | null {
    return this.#masked({ analysis, text, index: null, inner: false }, facts, NONE_BOUND, kept);
  }

  /** `parameters`: what is bound; asked for only where it matters. */
  ofStatement(statement: Statement, parameters: () => readonly BoundParameter[]): OperationMask | null {
    return this.#masked(statement.source, statement.facts, parameters, true, statement.types === null ? this.#declared.get(statement) : undefined);
  }

  /** `before`: what it was when it was declared. */
  #masked(source: StatementSource, facts: Facts, bound: () => readonly BoundParameter[], kept: boolean, before?: TracedStatement): OperationMask | null {
    const { door } = this;
    if (door === null) return null;
    const shifted = this.#isShifted(source, facts);
    const traced = this.#trace(source, shifted);
    const statements = this.#resolved(before === undefined ? traced : traced.map((now) => (now === before ? now : eitherOf(before, now))), shifted);
    const mask = this.#mask(door, statements, facts, bound, source);
    if (!resolvesIn(mask)) return mask;
    // What is kept of a mask is good for every text of its shape; which tokens are in one is not. What a name stands for was looked at when it was made.
    const text = source.inner ? NO_TEXT : source.text;
    const { catalog } = mask;
    const refusal = unresolvedToken({ door, catalog, statements, text, bound: bound(), kept, comparisons: () => this.#compared(source, shifted) });
    return refusal === null ? mask : { ...mask, refusal, clears: null };
  }

  /** Tokens that are constants of a text; null: there is nothing to resolve. */
  tokensOfText(analysis: Analysis, text: Uint8Array, mask: OperationMask | null, settled: () => void): TokenAnswer | null {
    if (!resolvesIn(mask) || !mayHoldTokens(Buffer.from(text).toString('latin1'))) return null;
    return this.#tokens.ofText(text, this.#tokenQuestion({ analysis, text, index: null, inner: false }, mask, settled));
  }

  /** Tokens that are bound; null: there is nothing to resolve. */
  tokensOfBind(
    statement: Statement,
    parameters: Uint8Array,
    bound: () => readonly BoundParameter[],
    mask: OperationMask | null,
    settled: () => void,
  ): TokenAnswer | null {
    if (!resolvesIn(mask) || !bound().some(mayBeToken)) return null;
    return this.#tokens.ofBind(parameters, statement.types, this.#tokenQuestion(statement.source, mask, settled));
  }

  #tokenQuestion(source: StatementSource, { door, catalog, facts }: OperationMask, settled: () => void): TokenQuestion {
    const { context } = this.#talk;
    return {
      door,
      catalog,
      comparisons: this.#compared(source, this.#isShifted(source, facts)),
      beside: (limitMs, work) => context.beside(limitMs, work),
      settled,
    };
  }

  /** By the very text: what is kept by shape has the places of another one. */
  #compared(source: StatementSource, shifted: boolean): readonly Comparison[] {
    const statements = this.#trace(source, shifted, true);
    return statements.flatMap((statement, index) => [
      ...statement.lineage.comparisons,
      // The text of a cursor is shown by nothing that is not masked (`pg_cursors`); that of a prepared statement is.
      ...(statement.lineage.names?.kind === 'cursor' ? (statement.inner?.lineage.comparisons ?? []) : []),
      ...this.#executed(statement, statements.slice(0, index), shifted),
    ]);
  }

  /** EXECUTE: its constants are compared where the prepared statement compares its parameters. */
  #executed({ lineage: { runs } }: TracedStatement, before: readonly TracedStatement[], shifted: boolean): readonly Comparison[] {
    if (runs === null || runs.kind !== 'statement' || runs.gives !== 'rows') return [];
    const made = before.findLast(({ lineage: { names } }) => names !== null && names.kind !== 'cursor' && (names.name ?? runs.name) === runs.name);
    const run = made === undefined ? this.#named(runs, shifted) : made.inner;
    return (run?.lineage.comparisons ?? []).flatMap(({ lineage, parameters }) => {
      const constants = parameters
        .flatMap(({ number, array }) => givenValues(runs.values[number - 1], array))
        .flatMap((each) => ('text' in each ? [each] : []));
      return constants.length === 0 ? [] : [{ lineage, constants, parameters: [] }];
    });
  }

  /** Columns inherit tags by what is asked for, and these have to be durable first. `wait`: `settled` will be called. */
  kept(mask: OperationMask | null, settled: () => void): OperationMask | null | 'wait' {
    const keep = this.#talk.context.inheritTags;
    if (mask === null || mask.inherits.length === 0 || mask.refusal !== null || keep == null) return mask;
    const answer = this.#inheritance.ask(mask.inherits, keep, settled);
    if (answer === 'wait') return 'wait';
    return answer === 'kept' ? mask : { ...mask, refusal: NOT_KEPT };
  }

  /** The operation was let through: what comes down under this verdict is masked so. */
  attach(verdict: Verdict, mask: OperationMask, portal: Portal | null): ResultMasker {
    const { guard } = this.#talk.context;
    this.#touched ||= mask.touches && !mask.onlyReads;
    this.#inheritance.used();
    if (!mask.onlyReads) this.#remember(verdict, mask);
    // Who approved the operation may have opened more of its result than it could decide by.
    const door = guard.masking(verdict) ?? mask.door;
    return new ResultMasker(door === mask.door ? mask : { ...mask, door }, portal, guard, verdict);
  }

  /** What the operation changes of what is known. */
  #remember(verdict: Verdict, mask: OperationMask): void {
    for (const { lineage } of mask.statements) {
      for (const flow of lineage.flows) this.#tables.taint(flow);
      if (lineage.placed !== null) this.#tables.place(lineage.placed);
    }
    const created = mask.statements.flatMap(({ lineage }) => lineage.created);
    const temporary = new Set(created.filter((each) => each.temporary).map(({ name }) => name));
    const effects = mask.facts.effects.filter(({ resource }) => !temporary.has(resource?.name.at(-1) ?? ''));
    for (const effect of effects) this.#tables.lose(changedName(effect) ?? '');
    const home = this.#talk.shifted ? null : (mask.catalog?.searchPath.find((each) => !each.startsWith('pg_')) ?? null);
    const known = (name: string): boolean => this.#changed.has(name, mask.catalog);
    for (const each of created) if (each.temporary || !known(each.name)) this.#tables.create(each, home, mask.catalog);
    for (const { lineage } of mask.statements) for (const tie of lineage.ties) this.#tables.tie(tie);
    this.#changed.note(
      effects.filter(({ resource }) => !this.#tables.isOwn(resource?.name.at(-1) ?? '')),
      mask.statements.flatMap(({ lineage }) => (lineage.placed === null ? [] : lineage.placed.name)),
      mask.catalog,
    );
    this.#rememberPlain(mask);
    this.#masks.set(verdict, mask);
    this.#unseenRan ||= effects.some(
      ({ action, resource, facts }) =>
        UNSEEN.has(action) || (action === 'call' && RUNNING.has(String(facts['class'])) && resource?.name[0] !== 'information_schema'),
    );
  }

  #rememberPlain({ inherits, facts, statements }: OperationMask): void {
    for (const { action, resource } of facts.effects) {
      const name = resource?.name.at(-1);
      if (action !== 'create' || resource?.type !== 'relation' || name == null) continue;
      if (inherits.some(({ relation }) => relation.at(-1) === name)) this.#plain.delete(name);
      else if (this.#plain.size < PLAIN_LIMIT) this.#plain.add(name);
    }
    for (const { action, resource } of facts.effects) {
      if (action !== 'rename' || !this.#plain.has(resource?.name.at(-1) ?? '')) continue;
      for (const { lineage } of statements) if (lineage.placed !== null) this.#plain.add(lineage.placed.name);
    }
  }

  /** A cursor of this statement is declared. */
  declare(statement: Statement): void {
    if (this.door === null) return;
    const [traced] = this.#trace(statement.source, this.#talk.shifted);
    if (traced !== undefined) this.#declared.set(statement, traced);
  }

  /** Null: what streams in under this verdict may hold anything. */
  watch(verdict: Verdict): InputWatch | null {
    const mask = this.#masks.get(verdict);
    if (mask === undefined || !mask.door.view.hides) return null;
    let watch = this.#watches.get(verdict);
    if (watch === undefined) {
      watch = inputWatch(mask);
      this.#watches.set(verdict, watch);
    }
    return watch;
  }

  /** What the server says outside of a result; `ofText`: of a text that it has read and not run. Null: it is malformed. */
  scrub(buffer: Buffer, at: number, next: number, masker: ResultMasker | null, ofText: boolean): Buffer | null {
    const { door } = this;
    if (door === null) return buffer.subarray(at, next);
    const sink = { found: () => undefined };
    const touches = masker?.touches ?? !ofText;
    if (buffer[at] === Back.NotificationResponse) return scrubNotification(buffer, at, next, door, sink);
    if (buffer[at] === Back.ParameterStatus) return scrubSetting(buffer, at, next, door, touches);
    return scrubWords(buffer, at, next, door, touches, sink);
  }

  /** Where the names of a text are looked up may be another place by now, or be when a later statement of it runs. */
  #isShifted({ analysis }: StatementSource, facts: Facts): boolean {
    return this.#talk.shifted || (analysis.statements.length > 1 && shiftsMeaning(facts));
  }

  #trace({ analysis, text, index, inner }: StatementSource, shifted: boolean, anew = false, changed = false): readonly TracedStatement[] {
    const catalog = this.#talk.relations();
    if (this.#talk.block === IDLE && !this.#talk.flight.running) this.#changed.settle(() => this.#talk.context.recheckCatalog());
    const steady = this.#changed.steady(catalog);
    const unseenRan = this.#unseenRan && this.isAboutSettings(text);
    const context = {
      catalog,
      searchPath: shifted ? null : (catalog?.searchPath ?? null),
      temporary: (name: string) => this.#tables.columns(name),
      doubtful: (name: string) => this.#tables.shadows(name) || this.#changed.has(name, catalog),
      steady: steady && this.#tables.none && !unseenRan,
      unseenRan,
    };
    const all = traceText(analysis, text, changed ? withoutCatalog(context) : context, anew || !context.steady);
    if (index === null) return all;
    const found = all[index];
    const meant = inner ? found?.inner : found;
    return meant == null ? NOTHING_KNOWN : [meant];
  }

  /** With what is run by a name in its place. */
  #resolved(statements: readonly TracedStatement[], shifted: boolean): readonly TracedStatement[] {
    if (!statements.some(({ lineage }) => lineage.runs !== null)) return statements;
    // What an earlier statement of the same text made of a name; null: that is not known.
    const made = new Map<string, TracedStatement | null>();
    let all = false;
    // A prepared statement is read again when it runs: by then what its names mean may be what an earlier statement made of them.
    let changed = false;
    return statements.map((statement) => {
      const { runs, names } = statement.lineage;
      const before = changed;
      changed ||= statement.changes;
      if (names !== null) {
        if (names.name === null) all = true;
        else made.set(`${names.kind} ${names.name}`, statement.inner);
      }
      if (runs === null) return statement;
      const own = made.get(`${runs.kind} ${runs.name}`);
      const run = own === undefined && !all ? this.#named(runs, shifted, before) : (own ?? null);
      return run === null || run.lineage.runs !== null ? statement : running(statement, run);
    });
  }

  #named({ kind, name }: NonNullable<StatementLineage['runs']>, shifted: boolean, changed = false): TracedStatement | null {
    const statement = this.#talk.followed(kind === 'statement' ? 'execute' : 'fetch', name);
    if (statement === null) return null;
    const [now] = this.#trace(statement.source, shifted, false, changed && kind === 'statement');
    const before = this.#declared.get(statement);
    return now === undefined || before === undefined || before === now ? (now ?? null) : eitherOf(before, now);
  }

  #mask(
    door: MaskingDoor,
    statements: readonly TracedStatement[],
    facts: Facts,
    bound: () => readonly BoundParameter[],
    source: StatementSource,
  ): OperationMask {
    const catalog = this.#talk.relations();
    const shifted = this.#isShifted(source, facts);
    const fresh = !shifted && !this.#touched && this.#tables.none && this.#changed.steady(catalog);
    const known = fresh ? reads.get(statements) : undefined;
    if (known !== undefined && known.door === door && known.catalog === catalog && known.facts === facts) return known;
    const mask = this.#newMask(door, catalog, statements, facts, bound, source);
    if (fresh && mask.onlyReads) reads.set(statements, mask);
    return mask;
  }

  #newMask(
    door: MaskingDoor,
    catalog: Catalog | null,
    statements: readonly TracedStatement[],
    facts: Facts,
    bound: () => readonly BoundParameter[],
    source: StatementSource,
  ): OperationMask {
    const shifted = this.#isShifted(source, facts);
    const compared = (): ComparedTokens => (door.view.resolvesTokens ? comparedTokens(this.#compared(source, shifted), bound()) : NONE_COMPARED);
    const onlyReads = statements.every(isRead) && facts.effects.every(({ action, facts: { class: kind } }) => action === 'select' || kind === 'plain');
    const keeps = this.#talk.context.inheritTags != null;
    const inherits = keeps && !onlyReads ? inheritedColumns({ door, catalog, statements, facts, shifted }) : NO_TAGS;
    const lost = keeps && !onlyReads ? unknownMove(facts, catalog, (name) => this.#plain.has(name) || this.#tables.has(name)) : null;
    if (!door.view.hides) return { door, catalog, statements, touches: false, facts, refusal: lost, clears: null, inherits, onlyReads };
    const refusal = lost ?? statementRefusal({ door, catalog, statements, facts, parameters: bound, compared, tables: this.#tables, shifted, inherits: keeps });
    const shown = statements.flatMap(({ lineage: { outputs } }) => outputs.map(({ lineage }) => lineage));
    const clears = refusal === null ? clearColumns(shown, door, catalog) : null;
    return { door, catalog, statements, touches: this.#touches(door, catalog, statements, facts), facts, refusal, clears, inherits, onlyReads };
  }

  #touches(door: MaskingDoor, catalog: Catalog | null, statements: readonly TracedStatement[], facts: Facts): boolean {
    const hides = ({ lineage }: { readonly lineage: Lineage }): boolean => hiddenIn(lineage, door) !== null;
    const tells = ({ outputs, conditions, flows, computed }: StatementLineage): boolean =>
      hiddenIn(computed, door) !== null || outputs.some(hides) || conditions.some(hides) || flows.some(hides);
    if (statements.some(({ lineage }) => tells(lineage))) return true;
    return facts.effects.some(
      ({ action, resource }) =>
        UNSEEN.has(action) ||
        (this.#touched && TRANSACTION.has(action)) ||
        // A constraint that fails shows the row.
        (!READS.has(action) && resource?.type === 'relation' && (holdsHidden(resource.name, door, catalog) || this.#keepsHidden(resource.name, door))),
    );
  }

  /** A table of the session that one of these names may be holds something hidden. */
  #keepsHidden(names: readonly (string | null)[], door: MaskingDoor): boolean {
    return names.some((name) => name !== null && this.#tables.columns(name)?.some(({ lineage }) => hiddenIn(lineage, door) !== null) === true);
  }
}

const resolvesIn = (mask: OperationMask | null): mask is OperationMask => mask !== null && mask.refusal === null && mask.door.view.resolvesTokens;

/** Masks of statements that only read, by what was traced: shared by the sessions of the process. */
const reads = new WeakMap<readonly TracedStatement[], OperationMask>();

/** Null: what streams in may hold anything. Of several, or of what cannot be read, none was let through into a table of hidden data. */
function inputWatch({ door, catalog, statements }: OperationMask): InputWatch | null {
  const [input] = statements.flatMap(({ copiesIn }) => copiesIn ?? []);
  if (input === undefined || input.format === null || !holdsHidden(input.relation, door, catalog)) return null;
  return new InputWatch(door, input.format, watchedFields(input, relationsNamed(input.relation, catalog), door, catalog));
}

function isRead({ lineage: { flows, created, placed, runs, names }, literals, copiesOut }: TracedStatement): boolean {
  return flows.length === 0 && created.length === 0 && placed === null && runs === null && names === null && literals.length === 0 && !copiesOut;
}

/** A statement that runs another one by its name. */
function running(statement: TracedStatement, run: TracedStatement): TracedStatement {
  const own = statement.lineage;
  const { given } = own;
  const whole = <T extends { readonly lineage: Lineage }>(each: T): T => (isNothing(given) ? each : { ...each, lineage: derived(each.lineage, given) });
  // The same list for the same statement: plans are kept by it.
  const outputs = isNothing(given) ? run.lineage.outputs : run.lineage.outputs.map(whole);
  const conditions = [...own.conditions, ...run.lineage.conditions];
  if (own.runs?.measured === true) conditions.push(measured(run.lineage.computed, conditions));
  const lineage = {
    ...run.lineage,
    conditions,
    failures: [...own.failures, ...run.lineage.failures],
    names: own.names,
    placed: own.placed,
    computed: derived(own.computed, run.lineage.computed),
    outputs: own.runs?.gives === 'rows' ? outputs : own.runs?.gives === 'plan' ? planOf(run, given) : own.outputs,
    flows: isNothing(given) ? run.lineage.flows : [...run.lineage.flows, ...run.lineage.plainFlows].map(whole),
    created: [
      ...own.created.map((created) => ({ ...created, columns: outputs })),
      ...run.lineage.created.map((created) => ({ ...created, columns: created.columns.map(whole) })),
    ],
  };
  return { ...run, lineage, literals: [...statement.literals, ...run.literals] };
}

/** A plan shows the text's own words, what it was `given` and numbers of rows, and more where functions were run to make it. */
function planOf({ lineage: { outputs, conditions, spelled } }: TracedStatement, given: Lineage): readonly Output[] {
  const all = derived(...outputs.map(({ lineage }) => lineage), ...conditions.map(({ lineage }) => lineage));
  return [output('QUERY PLAN', all.unknown === null ? derived(given, spelled) : derived(given, unknownLineage(all.unknown)))];
}

/** What a cursor gives that was one thing when it was declared and would be another one now. */
function eitherOf(before: TracedStatement, now: TracedStatement): TracedStatement {
  const [one, other] = [before.lineage.outputs, now.lineage.outputs];
  const fits = one.length === other.length && [...one, ...other].every(({ many }) => !many);
  const outputs = fits
    ? one.map((column, index) => output(column.name, oneOf(column.lineage, other[index]?.lineage ?? column.lineage)))
    : [output(null, derived(...[...one, ...other].map(({ lineage }) => lineage)), true)];
  const conditions = [...before.lineage.conditions, ...now.lineage.conditions];
  const failures = [...before.lineage.failures, ...now.lineage.failures];
  return { ...before, lineage: { ...before.lineage, outputs, conditions, failures } };
}
