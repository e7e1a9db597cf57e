/** The word by which the system names a failure (`ENOSPC`), for messages that must hold nothing else of it. Node built-ins only. */
export function errorCode(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error';
}
