/**
 * Where a secret comes from. The configuration names the source; the secret itself is read for each session, so that a rotated password
 * needs no restart. Only `literal` is kept in memory.
 */
import type { Secret } from '../base/secret.js';

export type SecretSource =
  | { readonly kind: 'literal'; readonly value: Secret }
  | { readonly kind: 'env'; readonly name: string }
  /** Absolute path; the first line is the secret. */
  | { readonly kind: 'file'; readonly path: string }
  /** Run without a shell in `directory`; the first line of its output is the secret. */
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly directory: string };
