/** Where a secret comes from, with paths that no longer depend on where the process stands. Pure. */
import { resolve } from 'node:path';
import type { SecretSource } from '../contract/settings.js';
import type { SecretReference } from './secret-schema.js';

export function secretSource(reference: SecretReference, directory: string): SecretSource {
  if (reference.kind === 'file') return { kind: 'file', path: resolve(directory, reference.path) };
  if (reference.kind === 'command') return { kind: 'command', argv: reference.argv, directory };
  return reference;
}
