/** Any error as the API says it: a body of the catalogue, its status, the request id. What is not a `GwError` keeps its text to the log. */
import type { ErrorBody } from '../contract/gw-error.js';
import { GwError } from '../contract/gw-error.js';

export function errorReply(thrown: unknown, requestId: string): { readonly status: number; readonly body: ErrorBody; readonly unexpected: boolean } {
  if (thrown instanceof GwError) return { status: thrown.entry.http, body: thrown.toBody(requestId), unexpected: thrown.code === 'internal.error' };
  const framework = frameworkError(thrown);
  if (framework !== null) {
    return { status: framework.status, body: new GwError('usage.invalid', framework.message).toBody(requestId), unexpected: false };
  }
  return { status: 500, body: GwError.from(thrown).toBody(requestId), unexpected: true };
}

/** What the HTTP framework refuses before a route sees it (size, media type, JSON): its status, and words of our own. */
function frameworkError(thrown: unknown): { status: number; message: string } | null {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown) || typeof thrown.statusCode !== 'number') return null;
  const status = thrown.statusCode;
  if (status < 400 || status > 499) return null;
  if (status === 413) return { status, message: 'The body of the request is longer than 64 KiB.' };
  if (status === 415) return { status, message: 'The body of the request must be application/json.' };
  return { status, message: 'The request is not well formed.' };
}
