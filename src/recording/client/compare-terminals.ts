/**
 * Compares what a client recorded of its terminal with what the gateway recorded of the terminals behind it, byte by byte (`same-output`). Only sessions
 * whose record is that of a terminal can be compared: what a database client makes of rows nobody can foresee. What was not compared is told, and why.
 */
import { TERMINAL_EVENT, type TerminalEvent } from '../../base/terminal-events.js';
import type { RecordedUnder, Uncompared } from '../../contract/client-recording.js';
import type { SessionItem } from '../recorded.js';
import { type DeliveredPiece, type Sameness, SameOutput } from './same-output.js';

/** The record of a session; null: one of a kind in which there are no terminals. `more`: whether a live one is to be waited for. */
export type ReadRecord = (session: RecordedUnder, more?: () => Promise<boolean>) => AsyncIterable<SessionItem> | null;

export interface Comparison {
  /** In what it differs, for people. */
  readonly problems: readonly string[];
  /** Sessions all of whose terminals it shows. */
  readonly compared: readonly string[];
  readonly uncompared: readonly Uncompared[];
}

/** Terminals that are compared: each is a reader of a journal. */
const TERMINALS = 32;
/** Sessions that are told of as not compared. */
const UNCOMPARED_TOLD = 100;

interface Terminal {
  readonly session: string;
  readonly sequence: number;
  readonly output: SameOutput;
}

interface Surveyed {
  /** Values that the record hides and the screen showed, by operation with a terminal. */
  readonly terminals: ReadonlyMap<number, number>;
  /** Why there is less in the record than was delivered; null: there is not. */
  readonly lacks: string | null;
}

/** What is compared with one recording: gets its events one by one. */
export class TerminalComparison {
  readonly #terminals: Terminal[];
  /** Why a session cannot be said to agree, whatever is found. */
  readonly #lacking: ReadonlyMap<string, string>;
  readonly #uncompared: Uncompared[];
  readonly #named = new Set<string>();

  private constructor(terminals: Terminal[], lacking: ReadonlyMap<string, string>, uncompared: Uncompared[]) {
    this.#terminals = terminals;
    this.#lacking = lacking;
    this.#uncompared = uncompared;
  }

  /** Looks through the records of `sessions` for terminals. `more` is asked while one of them has not ended. */
  static async of(sessions: readonly RecordedUnder[], read: ReadRecord, more: () => Promise<boolean>): Promise<TerminalComparison> {
    const terminals: Terminal[] = [];
    const lacking = new Map<string, string>();
    const uncompared: Uncompared[] = [];
    for (const session of sessions) {
      const not = (why: string): void => void uncompared.push({ session: session.id, why });
      if (session.content !== 'kept') {
        not(session.content === 'erased' ? 'its content was erased' : 'its content has expired');
        continue;
      }
      const items = read(session, more);
      const surveyed = items === null ? null : await survey(items);
      if (surveyed === null || (surveyed.terminals.size === 0 && surveyed.lacks === null)) not('there is no terminal in its record');
      else if (surveyed.terminals.size === 0) not(surveyed.lacks ?? '');
      else if (terminals.length + surveyed.terminals.size > TERMINALS) not(`more than ${TERMINALS} terminals in one recording are not compared`);
      else {
        if (surveyed.lacks !== null) lacking.set(session.id, surveyed.lacks);
        for (const [sequence, hidden] of surveyed.terminals)
          terminals.push({ session: session.id, sequence, output: new SameOutput(outputOf(read(session), sequence), hidden) });
      }
    }
    return new TerminalComparison(terminals, lacking, uncompared);
  }

  /** There is no terminal to compare with. */
  get isEmpty(): boolean {
    return this.#terminals.length === 0;
  }

  /** The next event of the recording. */
  async take({ code, data }: TerminalEvent): Promise<void> {
    if (code === TERMINAL_EVENT.session) this.#named.add(data.toString('latin1'));
    // What a program says without a terminal on its side goes to two places, and here comes in the order in which it was said.
    if (code !== TERMINAL_EVENT.output && code !== TERMINAL_EVENT.error) return;
    for (const { session, output } of this.#terminals) if (this.#named.has(session)) await output.push(data);
  }

  /** `whole`: the recording reaches to the end of its program. */
  async end(whole: boolean): Promise<Comparison> {
    const problems: string[] = [];
    const not = new Map(this.#lacking);
    const different = new Set<string>();
    for (const { session, sequence, output } of this.#terminals) {
      const found = await output.end();
      // That it is not named is a difference of its own.
      if (!this.#named.has(session)) different.add(session);
      else if (found.kind === 'hidden') not.set(session, `from line ${found.line} on the record hides values that the screen showed`);
      else if (found.kind === 'short' && !whole) not.set(session, 'the recording ends before it');
      else if (found.kind !== 'same') {
        different.add(session);
        problems.push(differenceText(found, `what operation ${sequence} of the session ${session} wrote to its terminal`));
      }
    }
    const sessions = [...new Set(this.#terminals.map(({ session }) => session))].filter((session) => !different.has(session));
    const uncompared = sessions.flatMap((session): Uncompared[] => {
      const why = not.get(session);
      return why === undefined ? [] : [{ session, why }];
    });
    return {
      problems,
      compared: sessions.filter((session) => !not.has(session)),
      uncompared: [...uncompared, ...this.#uncompared].slice(0, UNCOMPARED_TOLD),
    };
  }

  /** Nothing more is compared. */
  async close(): Promise<void> {
    for (const { output } of this.#terminals) await output.close();
  }
}

function differenceText(found: Exclude<Sameness, { readonly kind: 'same' | 'hidden' }>, what: string): string {
  const at = `line ${found.line} (${new Date(found.time).toISOString()})`;
  if (found.kind === 'short') return `it ends in ${at} of ${what}`;
  return found.begun ? `it does not show ${what} from ${at} on` : `it shows nothing of ${what}`;
}

async function survey(items: AsyncIterable<SessionItem>): Promise<Surveyed> {
  const terminals = new Map<number, number>();
  let lacks: string | null = null;
  for await (const item of items) {
    if (item.kind === 'terminal') terminals.set(item.sequence, 0);
    else if (item.kind === 'event' && item.event === 'masked') {
      const { operation } = item.data;
      const before = typeof operation === 'number' ? terminals.get(operation) : undefined;
      if (typeof operation === 'number' && before !== undefined) terminals.set(operation, before + shownInClear(item.data['values']));
    } else if (item.kind === 'operation' && item.operation.terminal === true && item.operation.delivered.cut) lacks ??= 'the record of its output was cut';
    else if (item.kind === 'integrity' && !item.intact)
      lacks = item.problems[0]?.code === 'session-unknown' ? 'its record is not here' : 'its record is not intact';
    else if (item.kind === 'integrity' && item.live) lacks = 'it was still open';
  }
  return { terminals, lacks };
}

/** Values that the record hides and the screen showed. A record is untrusted. */
function shownInClear(values: unknown): number {
  if (!Array.isArray(values)) return 0;
  let count = 0;
  for (const each of values as unknown[]) {
    if (typeof each !== 'object' || each === null || !('treatment' in each) || !('values' in each)) continue;
    if (each.treatment === 'clear' && typeof each.values === 'number' && each.values > 0) count += each.values;
  }
  return Number.isSafeInteger(count) ? count : 0;
}

async function* outputOf(items: AsyncIterable<SessionItem> | null, sequence: number): AsyncGenerator<DeliveredPiece, void> {
  for await (const item of items ?? []) if (item.kind === 'output' && item.sequence === sequence) yield { bytes: item.bytes, time: item.time };
}
