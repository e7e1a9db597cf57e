/** What the database driver throws, as an error of the catalogue. The driver's text names hosts and users, so it goes into the cause only. */
import { GwError } from '../contract/gw-error.js';

export function storeError(cause: unknown): GwError {
  return new GwError('store.unavailable', 'The state database could not be reached or did not answer.', { cause });
}

/**
 * Whether the rows themselves are at fault (SQLSTATE class 22 data exception, 23 constraint): trying the same rows again cannot help.
 * Everything else (no connection, shutdown, read-only replica, out of disk) may pass.
 */
export function isDataError(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return false;
  const code = thrown.code;
  return typeof code === 'string' && code.length === 5 && (code.startsWith('22') || code.startsWith('23'));
}
