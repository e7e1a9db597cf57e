/** Which sessions a caller may know of: one's own, and for admins and auditors all. What is invisible does not exist (no enumeration). */
import { isId } from '../base/id.js';
import { GwError } from '../contract/gw-error.js';
import type { SessionSummary } from '../contract/session-store.js';
import type { ApiServices } from './api-services.js';
import { type Caller, isOwner } from './caller.js';

/** Prefix of session ids. */
const SESSION_ID = 'ses';

const unknown = (): GwError => new GwError('session.unknown', 'There is no such session, or it is not visible to this identity.');

/** `id` is untrusted; anything that is not an id of ours never reaches the store or a path. @throws GwError `session.unknown` */
export async function visibleSession(id: string, caller: Caller, services: ApiServices): Promise<SessionSummary> {
  if (!isId(SESSION_ID, id)) throw unknown();
  const session = await services.sessions.find(id);
  if (session === null || !(isOwner(caller, session) || caller.roles.length > 0)) throw unknown();
  return session;
}

/** The same for what only the owner may do. @throws GwError `session.unknown` */
export async function ownSession(id: string, caller: Caller, services: ApiServices): Promise<SessionSummary> {
  const session = await visibleSession(id, caller, services);
  if (!isOwner(caller, session)) throw unknown();
  return session;
}
