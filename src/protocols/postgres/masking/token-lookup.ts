/**
 * Finds the values that tokens stand for, among the values of the columns that they are compared with: on a connection of the gateway's own, with
 * the session's grant, within limits of time and number. A token cannot be turned back, so the values are read and their tokens made. Values stay
 * here: what is found goes into the statement that is sent, nowhere else, and is kept for a short while so that the same token is not looked for again.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { TokenMaker } from '../../../contract/masking-policy.js';
import type { UpstreamConnection } from '../../../contract/protocol.js';
import { SideSession } from '../catalog/side-session.js';
import type { SourceColumn } from '../lineage/lineage.js';

/** Of one look-up: of all its columns together. */
const VALUES_LIMIT = 1_000_000;
const BYTES_LIMIT = 256 << 20;
export const LOOKUP_MS = 15_000;
/** Values that are read at once. */
const PAGE = 10_000;

/** A token that is compared with a column. */
export interface SoughtToken {
  readonly token: string;
  readonly source: SourceColumn;
  readonly maker: TokenMaker;
}

/** What is still sought in one column: of each value each token is made once, however many are sought. */
class Makers {
  readonly #all = new Map<string, { readonly maker: TokenMaker; readonly sought: Map<string, SoughtToken[]> }>();

  constructor(tokens: readonly SoughtToken[]) {
    for (const each of tokens) {
      const { maker } = each;
      const made = this.#all.get(maker.by) ?? { maker, sought: new Map<string, SoughtToken[]>() };
      made.sought.set(maker.token, [...(made.sought.get(maker.token) ?? []), each]);
      this.#all.set(maker.by, made);
    }
  }

  get seek(): boolean {
    return this.#all.size > 0;
  }

  /** Those of which this is the value. */
  of(value: Uint8Array): readonly SoughtToken[] {
    const found: SoughtToken[] = [];
    for (const { maker, sought } of [...this.#all.values()]) {
      const token = maker.make(value);
      const hits = token === null ? undefined : sought.get(token);
      if (token === null || hits === undefined) continue;
      found.push(...hits);
      this.#forget(token);
    }
    return found;
  }

  /** It is found: whoever else may have made it (integers do not say which key did) is sought no more. */
  #forget(token: string): void {
    for (const [by, { sought }] of this.#all) if (sought.delete(token) && sought.size === 0) this.#all.delete(by);
  }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * The value of each token, as the server writes it as text; those that no value has are left out.
 * @throws GwError `policy.limit_exceeded` when there is more than is looked at; `target.*`
 */
export async function lookUpTokens(connection: UpstreamConnection, sought: readonly SoughtToken[]): Promise<ReadonlyMap<SoughtToken, string>> {
  const session = new SideSession(connection, BYTES_LIMIT);
  const found = new Map<SoughtToken, string>();
  let values = 0;
  const run = async (text: string): Promise<readonly (readonly (string | null)[])[]> => {
    const { rows, error } = await session.query(text);
    if (error === null) return rows;
    const late = error === '57014';
    throw new GwError(
      late ? 'policy.limit_exceeded' : 'target.protocol',
      late
        ? `Looking for the value of a token took longer than ${LOOKUP_MS / 1000} s.`
        : `The target did not show a column in which a token was looked for (SQLSTATE ${error}).`,
    );
  };
  await run(`set search_path = ''; begin read only; set local statement_timeout = ${LOOKUP_MS}; set local lock_timeout = 2000`);
  const bySource = new Map<SourceColumn, SoughtToken[]>();
  for (const each of sought) bySource.set(each.source, [...(bySource.get(each.source) ?? []), each]);
  for (const [{ relation, column }, tokens] of bySource) {
    const name = quoted(column.name);
    await run(
      `declare gw_values no scroll cursor for select distinct ${name} from ${quoted(relation.schema)}.${quoted(relation.name)} where ${name} is not null`,
    );
    const left = new Makers(tokens);
    while (left.seek) {
      const rows = await run(`fetch ${PAGE} from gw_values`);
      if (rows.length === 0) break;
      values += rows.length;
      if (values > VALUES_LIMIT) throw new GwError('policy.limit_exceeded', `A token was looked for among more than ${VALUES_LIMIT} values.`);
      for (const [value] of rows) {
        if (value == null) continue;
        for (const each of left.of(Buffer.from(value))) found.set(each, value);
      }
    }
    await run('close gw_values');
  }
  await run('rollback');
  session.release();
  return found;
}
