/**
 * What both directions of one session share: the queue of expected answers, the names, and where the pipeline stands. `frontend` writes
 * it when messages go up, `backend` when answers come down; nobody else touches it.
 */
import type { Facts } from '../../contract/operation.js';
import type { EngineContext } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import type { Catalog } from './catalog/catalog.js';
import { CatalogInForce, changesCode } from './catalog-in-force.js';
import type { Analysis } from './facts/index.js';
import { needsCatalog, withCatalog, withResolved } from './facts/index.js';
import { Flight } from './flight.js';
import { SessionMasking } from './masking/session-masking.js';
import { isFollowed, keepParameters, type NameChange, type NameEffect, NameSpace, type Portal, type Statement } from './names.js';
import { SessionMeaning } from './session-meaning.js';

export class Conversation {
  readonly context: EngineContext;
  readonly masking: SessionMasking;
  readonly flight = new Flight();
  readonly #meaning: SessionMeaning;
  readonly statements = new NameSpace<Statement>();
  readonly portals = new NameSpace<Portal>();
  /** Number of the pipeline segment (up to the next Sync or Query) that is being sent. */
  segment = 1;
  /** Number of the last segment whose ReadyForQuery came. */
  answered = 0;
  /** The server (or a refusal) is discarding messages until the next Sync: so do we, and nothing of them is sent. */
  skipping = false;
  /** The operation whose COPY input the server is taking, while it does. */
  copyIn: Verdict | null = null;
  /**
   * A COPY FROM STDIN went up and the server has not said whether it takes the data. Until then nothing more is sent: what a Sync or a
   * Query would mean depends on the answer, and a wrong guess would put every later answer under the wrong request.
   */
  awaitingCopy = false;
  /** Where the client's transaction stands by the last answer: the letter of ReadyForQuery, also within a segment. */
  block = 0x49;
  /** Something of the segment in hand may have run already. */
  ranInSegment = false;
  /** The end of a transaction went up in the segment in hand. Kept in read-only sessions only. */
  endedInSegment = false;
  /** Runs whose portal is bound and not at its end (suspended by a row limit, or never executed): finished when the portal goes. */
  readonly suspended = new Set<Portal>();
  /** The portal of the last Bind while no Execute named it: nearly always the next message does, and the set above stays empty. */
  lastBound: Portal | null = null;
  /** Names outside ASCII may mean others at the target (`foreign-encoding.ts`). */
  foreignEncoding = false;
  /** Executes of the segment in answer that have ended. */
  runs = 0;
  /** A statement is being ended at the target: nothing of the client goes up. */
  stopping = false;
  /** Set once the session is over; no further byte is looked at. */
  over = false;
  readonly catalog: CatalogInForce = new CatalogInForce(this);

  constructor(context: EngineContext) {
    this.context = context;
    this.#meaning = new SessionMeaning(context);
    this.masking = new SessionMasking(this);
  }

  /** A text alone does not say what it means. */
  get shifted(): boolean {
    return this.#meaning.shifted;
  }

  /** Something ran after which it does not (`shifted-meaning.ts`). */
  shift(): void {
    this.#meaning.shift();
  }

  /** For masking; null: not known for certain. Ask `catalog.forCode` first whether it has to wait. */
  relations(): Catalog | null {
    const catalog = this.catalog.forCode();
    return catalog === 'wait' ? null : catalog;
  }

  /** The facts of an analysed text with the names that it uses resolved as they will be on the server. */
  resolve(analysis: Analysis): Facts | 'unsettled' {
    let named = false;
    for (const info of analysis.statements) {
      if (info.kind !== 'execute' && info.kind !== 'fetch') continue;
      named = true;
      if (info.name !== null && this.#named(info.kind, info.name) === 'unsettled') return 'unsettled';
    }
    if (!named) return analysis.facts;
    return withResolved(analysis, (kind, name) => this.followed(kind === 'statement' ? 'execute' : 'fetch', name)?.facts ?? null);
  }

  /** The statement that an EXECUTE or FETCH of this name runs as its own text says (`isFollowed`); null: it is another one, or not known. */
  followed(kind: 'execute' | 'fetch', name: string): Statement | null {
    const found = this.#named(kind, name);
    return found === null || found === 'unsettled' || !isFollowed(found) ? null : found;
  }

  #named(kind: 'execute' | 'fetch', name: string): Statement | 'unsettled' | null {
    const found = this.#meant(kind, name);
    return found !== null && found !== 'unsettled' && 'statement' in found ? found.statement : found;
  }

  #meant(kind: 'execute' | 'fetch', name: string): Statement | Portal | 'unsettled' | null {
    return kind === 'execute' ? this.statements.lookup(name, this.segment) : this.portals.lookup(name, this.segment);
  }

  /** Why what `analysis` runs by a name is not carried: the server would run something that its own text does not say. Null: it is, or there is none of that name. */
  unfollowed(analysis: Analysis): string | null {
    for (const { kind, name } of analysis.statements) {
      if ((kind !== 'execute' && kind !== 'fetch') || name === null) continue;
      const found = this.#named(kind, name);
      if (found === null || found === 'unsettled' || isFollowed(found)) continue;
      return kind === 'execute'
        ? `"${name}" was prepared by the protocol and is no SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES, so EXECUTE does not run it; bind and execute it by the protocol`
        : `the portal "${name}" runs no SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES, so FETCH does not run it; execute it by the protocol`;
    }
    return null;
  }

  /**
   * `facts` of a text as the catalog in force explains its names, for the guard. `several`: the text has more than one statement, and an
   * earlier one may change what a later one means.
   */
  explain(facts: Facts, several: boolean): Facts | 'unsettled' {
    if (!needsCatalog(facts)) return facts;
    if (several && changesCode(facts)) return withCatalog(facts, null);
    const catalog = this.catalog.forCode();
    return catalog === 'wait' ? 'unsettled' : withCatalog(facts, catalog);
  }

  /** What opened the cursors from which `analysis` fetches. A name of this very text counts with the text itself. */
  origins(analysis: Analysis): readonly Verdict[] {
    const found = new Set<Verdict>();
    for (const { kind, name } of analysis.statements) {
      if (kind !== 'fetch' || name === null) continue;
      const portal = this.portals.lookup(name, this.segment);
      if (portal === null || portal === 'unsettled') continue;
      found.add(portal.origin);
      portal.fetched = true;
    }
    return [...found];
  }

  /** Whether completing some statement of `analysis` changes what a name means. */
  changesNames(analysis: Analysis): boolean {
    for (const { kind } of analysis.statements) {
      if (kind === 'prepare' || kind === 'declare' || kind === 'deallocate' || kind === 'close' || kind === 'discard') return true;
    }
    return false;
  }

  /** What completing each statement of `analysis` does to names; index = statement within the text. */
  effectsOf(analysis: Analysis, text: Uint8Array): readonly (readonly NameEffect[])[] {
    return analysis.statements.map((info, index): readonly NameEffect[] => {
      const inner = (): Statement => ({
        facts: info.inner?.facts ?? analysis.facts,
        source: { analysis, text, index, inner: true },
        text,
        types: null,
        effects: [],
        resolve: null,
        origins: null,
        counted: info.inner?.statements[0]?.counted === true,
      });
      switch (info.kind) {
        case 'prepare':
          return info.name === null ? [] : [{ kind: 'prepare', name: info.name, statement: inner() }];
        case 'declare':
          return info.name === null ? [] : [{ kind: 'declare', name: info.name, statement: inner() }];
        case 'deallocate':
          return [{ kind: 'deallocate', name: info.all ? null : info.name }];
        case 'close':
          return [{ kind: 'close', name: info.all ? null : info.name }];
        case 'discard':
          return info.all
            ? [
                { kind: 'deallocate', name: null },
                { kind: 'close', name: null },
              ]
            : [];
        default:
          return [];
      }
    });
  }

  /** Books name effects as pending changes of the current segment. `verdict`: of the operation that has them. */
  applyEffects(effects: readonly NameEffect[], step: number, verdict: Verdict, into: { step: number; change: NameChange }[]): void {
    for (const effect of effects) {
      if (effect.kind === 'prepare') into.push({ step, change: this.statements.change(effect.name, effect.statement, this.segment) });
      else if (effect.kind === 'declare') {
        this.masking.declare(effect.statement);
        into.push({
          step,
          change: this.portals.change(effect.name, this.openedPortal(effect.statement, null, effect.statement.facts, verdict, undefined), this.segment),
        });
      } else {
        const space: NameSpace<Statement> | NameSpace<Portal> = effect.kind === 'deallocate' ? this.statements : this.portals;
        // DEALLOCATE ALL and DISCARD ALL leave the protocol's unnamed statement alone.
        for (const name of effect.name === null ? [...space.names()].filter((each) => each !== '' || effect.kind === 'close') : [effect.name])
          into.push({ step, change: space.change(name, null, this.segment) });
      }
    }
  }

  /** A portal as it is when it is opened. `parameters`: of a Bind, in memory that is not kept; null: not whole. Undefined: of no Bind. */
  openedPortal(statement: Statement, verdict: Verdict | null, facts: Facts, origin: Verdict, parameters: Uint8Array | null | undefined): Portal {
    return {
      statement,
      verdict,
      facts,
      origin,
      segment: this.segment,
      unrun: parameters,
      runs: this.runsNow(statement),
      catalog: this.context.catalog(),
      unseen: this.masking.unseenRan,
      fetched: false,
    };
  }

  /** What an EXECUTE or FETCH that was prepared runs by its name at this moment; null: it is none. */
  runsNow({ resolve, source }: Statement): Statement | Portal | 'unsettled' | null {
    if (resolve === null) return null;
    const [only] = source.analysis.statements;
    return only?.name == null ? null : this.#meant(only.kind === 'execute' ? 'execute' : 'fetch', only.name);
  }

  /** The last bound portal was not executed by the next message: it waits among the suspended ones. */
  parkLastBound(): void {
    if (this.lastBound === null) return;
    keepParameters(this.lastBound);
    this.suspended.add(this.lastBound);
    this.lastBound = null;
  }

  /** Outside a transaction no portal survives: runs that wait in answered segments are over. Later ones are still on their way up. */
  closePortals(): void {
    for (const portal of this.suspended) if (portal.segment <= this.answered) this.closeSuspended(portal);
  }

  /** A run that was waiting for its next Execute will not get one: its portal is gone. */
  closeSuspended(portal: Portal): void {
    if (this.suspended.delete(portal) && portal.verdict !== null) {
      this.context.guard.finish(portal.verdict, 'ok', 'its portal was closed before the end');
      portal.verdict = null;
    }
  }
}
