/**
 * Tokens in predicates: a token that comes back in a comparison with a column, where policy has it resolved, is replaced by the value that it
 * stands for in what goes up, and nowhere else. What is judged, approved and recorded is the text with the token. A statement waits until the
 * value is found; one whose token cannot be looked up is refused, one whose token no value has runs as it is and finds nothing.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import type { UpstreamConnection } from '../../../contract/protocol.js';
import type { Catalog } from '../catalog/catalog.js';
import type { Comparison } from '../lineage/trace.js';
import { fieldKind } from './field-kind.js';
import { LOOKUP_MS, lookUpTokens, type SoughtToken } from './token-lookup.js';
import { classesIn, classesOf } from './value-plan.js';

/** Runs work on a connection of the gateway's own to the same part of the target. */
export type Beside = <T>(limitMs: number, work: (connection: UpstreamConnection) => Promise<T>) => Promise<T>;

/** What a token was resolved to, in the words of the server. */
export interface ResolvedToken {
  readonly token: string;
  readonly value: string;
  readonly how: ClassView;
}

/** Tables and materialized views: reading them runs nobody's code. */
const READABLE: ReadonlySet<string> = new Set(['r', 'p', 'm']);
/** Tokens of one statement. */
const TOKENS_LIMIT = 1_000;
const KEPT = 10_000;
const KEPT_MS = 60_000;

interface Kept {
  readonly resolved: ResolvedToken | null;
  readonly until: number;
}

/** A place of the statement where a value is compared with columns. */
export interface ComparedValue {
  readonly text: string;
  readonly comparison: Comparison;
}

export class TokenResolution {
  /** By column and token; null: no value has it. */
  readonly #kept = new Map<string, Kept>();
  #looking = false;
  #failed: { readonly key: string; readonly error: GwError } | null = null;

  /**
   * What the tokens among `values` stand for, one for each; null: it is no token that is resolved here, or no value has it. `wait`: they are being
   * looked up, and `settled` will be called. @throws GwError when they cannot be
   */
  resolve(
    values: readonly ComparedValue[],
    door: MaskingDoor,
    catalog: Catalog | null,
    beside: Beside,
    settled: () => void,
  ): readonly (ResolvedToken | null)[] | 'wait' {
    const sought = values.map(({ text, comparison }) => soughtIn(text, comparison, door, catalog));
    const all = sought.flat();
    if (all.length === 0) return [];
    if (this.#looking) return 'wait';
    if (all.length > TOKENS_LIMIT) throw new GwError('policy.limit_exceeded', `A statement may hold ${TOKENS_LIMIT} tokens that are to be resolved.`);
    const now = performance.now();
    const missing = all.filter(({ key }) => (this.#kept.get(key)?.until ?? 0) < now);
    if (missing.length === 0) return sought.map((each) => each.map(({ key }) => this.#kept.get(key)?.resolved ?? null).find((found) => found !== null) ?? null);
    const key = missing.map((each) => each.key).join();
    if (this.#failed?.key === key) {
      const { error } = this.#failed;
      this.#failed = null;
      throw error;
    }
    this.#looking = true;
    void beside(LOOKUP_MS + 2_000, (connection) => lookUpTokens(connection, missing))
      .then(
        (found) => this.#keep(missing, found),
        (error: unknown) => void (this.#failed = { key, error: GwError.from(error) }),
      )
      .then(() => {
        this.#looking = false;
        settled();
      });
    return 'wait';
  }

  #keep(missing: readonly Wanted[], values: ReadonlyMap<SoughtToken, string>): void {
    if (this.#kept.size + missing.length > KEPT) this.#kept.clear();
    const until = performance.now() + KEPT_MS;
    for (const each of missing) {
      const value = values.get(each);
      this.#kept.set(each.key, { resolved: value === undefined ? null : { token: each.token, value, how: each.how }, until });
    }
  }
}

interface Wanted extends SoughtToken {
  readonly key: string;
  readonly how: ClassView;
}

/** Where any of the column's sources is not of the class, the token's rows would show its value under another name. */
export function soughtIn(token: string, { lineage }: Comparison, door: MaskingDoor, catalog: Catalog | null): readonly Wanted[] {
  const sources = [...lineage.columns].filter(({ relation }) => relation.kind !== 'v');
  const classes = classesIn(lineage, door.view);
  const wanted = sources.map((source): readonly Wanted[] => {
    const { relation, column } = source;
    if (relation.oid === 0 || !READABLE.has(relation.kind)) return [];
    const kind = fieldKind(column.type, catalog);
    // A materialized view holds what its columns are made of, and may hold what is no longer there.
    for (const how of relation.kind === 'm' ? classes : classesOf(source, door.view)) {
      const makers = how.resolvedBy !== null ? door.tokenMakers(how, kind.kind, kind.bits, token) : [];
      if (makers.length > 0) return makers.map((maker) => ({ token, source, maker, how, key: `${relation.oid} ${column.number} ${maker.by} ${token}` }));
    }
    return [];
  });
  return wanted.some((each) => each.length === 0) ? [] : wanted.flat();
}
