/**
 * What an approval is good for, as one digest: who asked, where, the exact bytes, the bound parameters, the policy under which it was
 * asked. Canonical: every field is written with its length, so no two different questions give the same bytes, and nothing is folded,
 * trimmed or re-encoded on the way (Bytebase #20139: one folded line break let a comment swallow a WHERE). Computed when a request is
 * made and again at the moment the operation goes up; an approval whose digest differs is worth nothing. Pure.
 */
import { createHash } from 'node:crypto';
import type { ApprovalKind, BoundParameter, ChangedRows } from '../contract/approval.js';
import type { ClearColumn } from '../contract/masking-policy.js';

export interface Bound {
  readonly kind: ApprovalKind;
  readonly requester: { readonly issuer: string; readonly subject: string };
  readonly onBehalfOf: { readonly issuer: string; readonly subject: string } | null;
  readonly target: string;
  /** Account at the target, where it is not the one of the configuration. */
  readonly account: string | null;
  readonly scope: string | null;
  /** Null for access to a target: then what it is good for is a time, not a statement. */
  readonly statement: Uint8Array | null;
  readonly parameters: readonly BoundParameter[] | null;
  readonly policy: string;
  /** Length of a time-boxed grant; null for what is used once. */
  readonly grantMs: number | null;
  /** For a statement whose text does not say all (EXECUTE of a name): the one time for which it is asked. Null: the text says it. */
  readonly occasion: string | null;
  /** What a statement that has run and is not committed really did. Null: it has not run. */
  readonly changed: ChangedRows | null;
  /** Hidden columns that it would show in clear. */
  readonly clears: readonly ClearColumn[];
}

const VERSION = 'gw-approval/1';
const ABSENT = 0xffff_ffff;

/** `sha256:` and 64 hex digits. */
export function bindingDigest(bound: Bound): string {
  const hash = createHash('sha256');
  const length = Buffer.alloc(4);
  const field = (value: string | Uint8Array | null): void => {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    length.writeUInt32BE(bytes === null ? ABSENT : bytes.length);
    hash.update(length);
    if (bytes !== null) hash.update(bytes);
  };
  const count = (value: number): void => {
    length.writeUInt32BE(value);
    hash.update(length);
  };
  field(VERSION);
  field(bound.kind);
  field(bound.requester.issuer);
  field(bound.requester.subject);
  field(bound.onBehalfOf?.issuer ?? null);
  field(bound.onBehalfOf?.subject ?? null);
  field(bound.target);
  field(bound.scope);
  field(bound.statement);
  field(bound.policy);
  field(bound.grantMs === null ? null : String(bound.grantMs));
  field(bound.occasion);
  // No parameters and none sent are the same thing: a client that uses the extended protocol for a plain text sends an empty list.
  const parameters = bound.parameters ?? [];
  count(parameters.length);
  for (const { type, form, value } of parameters) {
    field(type);
    field(form);
    field(value);
  }
  // Behind everything else, so that a digest of what has not run is what it always was.
  if (bound.changed !== null) {
    field(String(bound.changed.rows));
    field(bound.changed.words);
  }
  for (const [word, clears] of [
    ['clears', bound.clears.filter(({ detected }) => detected !== true)],
    ['detected', bound.clears.filter(({ detected }) => detected === true)],
  ] as const) {
    if (clears.length === 0) continue;
    field(word);
    count(clears.length);
    for (const { column, class: name } of clears) {
      count(column.length);
      for (const part of column) field(part);
      field(name);
    }
  }
  if (bound.account !== null) {
    field('account');
    field(bound.account);
  }
  return `sha256:${hash.digest('hex')}`;
}
