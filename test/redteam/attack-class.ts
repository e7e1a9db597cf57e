/**
 * What the red team tries, before any spelling: a class is one thing to achieve, its payloads are ways to say it in plain SQL. Names that
 * occur are those of `target.ts`; `@n@` stands for a number used once, `@dir@` for a directory the server may write to, `@victim@` for the
 * process of somebody else's session.
 */

/** `write`: INSERT, UPDATE, DELETE or MERGE without RETURNING. `expression`: a value. `statement`: anything else, as it stands. */
export type PayloadKind = 'write' | 'expression' | 'statement';

export interface Payload {
  readonly kind: PayloadKind;
  readonly sql: string;
  /** What must have been done before; the gateway may refuse it or not. */
  readonly before?: readonly string[];
  /** What brings the harm about; the gateway may refuse it or not. */
  readonly after?: readonly string[];
  /** Values of $1, $2 …: sent by Bind. */
  readonly values?: readonly (string | null)[];
  /** Where it may stand: `alone` takes no nesting at all, `plain-rules` none within rules. */
  readonly only?: 'alone' | 'plain-rules';
  /** It is no SQL: parameters of a new session as JSON, or the OID and arguments of a FunctionCall message. */
  readonly beside?: 'startup' | 'fastpath';
}

export interface AttackClass {
  readonly name: string;
  /** Rows of the catalogue that it stands for. */
  readonly catalogue: string;
  readonly tries: string;
  /** How a success would show. `state`: the fingerprint of the target differs. `reach`: it runs at all. */
  readonly effect: 'state' | 'reach';
  /** The harm cannot be undone by a rollback, so it is not shown on the bare server first. */
  readonly irrevocable?: boolean;
  readonly payloads: readonly Payload[];
}

export const write = (...statements: readonly string[]): Payload[] => statements.map((sql) => ({ kind: 'write', sql }));
export const merge = (...statements: readonly string[]): Payload[] => statements.map((sql) => ({ kind: 'write', sql, only: 'plain-rules' }));
export const value = (...expressions: readonly string[]): Payload[] => expressions.map((sql) => ({ kind: 'expression', sql }));
export const statement = (...statements: readonly string[]): Payload[] => statements.map((sql) => ({ kind: 'statement', sql }));
export const beside = (kind: 'startup' | 'fastpath', ...texts: readonly string[]): Payload[] =>
  texts.map((sql) => ({ kind: 'statement', sql, only: 'alone', beside: kind }));
export const alone = (...statements: readonly string[]): Payload[] => statements.map((sql) => ({ kind: 'statement', sql, only: 'alone' }));
