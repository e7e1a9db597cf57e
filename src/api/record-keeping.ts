/**
 * Erasing the record of a session, and legal holds. Administrators erase, hold and release, but neither erase nor release what is about
 * themselves; auditors see what is held. Each is an entry of its own in the audit log, on disk before it is done.
 */
import { z } from 'zod';
import { newId } from '../base/id.js';
import type { EraseReply, HoldList } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import { HOLD_SCOPES, type Hold } from '../contract/record-keeping.js';
import type { SessionSummary } from '../contract/session-store.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { type Caller, isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';
import { visibleSession } from './visible-session.js';

const HOLD_ID = 'hld';

const byId = z.strictObject({ id: z.string().max(60) });
const why = z.strictObject({ reason: z.string().trim().min(1, 'must say why').max(500) });
const holdBody = z.strictObject({
  scope: z.enum(HOLD_SCOPES),
  value: z.string().min(1).max(300),
  /** Of a subject. */
  issuer: z.string().min(1).max(2048).nullable().default(null),
  reason: z.string().trim().min(1, 'must say why').max(500),
});
const holdQuery = z.strictObject({ all: z.enum(['true', 'false']).default('false') });

export function recordKeepingRoutes(services: ApiServices): ApiRoute[] {
  return [erase(services), list(services), add(services), release(services)];
}

function erase(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/sessions/:id/erase',
    audit: 'session.erase',
    handle: async ({ caller, params, body, audit }) => {
      const session = await visibleSession(validate(byId, params, 'path').id, caller, services);
      const { reason } = validate(why, body, 'body');
      requireRole(caller, 'admin');
      if (isOwnRecord(caller, session))
        throw new GwError('api.forbidden', 'Nobody erases the record of a session of their own, or of what acted for them.', {
          hint: 'Ask another administrator.',
        });
      const { id, target, issuer, subject } = session;
      const said = { session: id, target, sessionIssuer: issuer, sessionSubject: subject, reason };
      const { again, traces } = await services.records.erase(session, () => audit('session.erase', said));
      return { session: id, state: again ? 'erased-before' : 'erased', traces } satisfies EraseReply;
    },
  };
}

/** Whether a session is of the caller, or of what acted for the caller. */
function isOwnRecord(caller: Caller, session: SessionSummary): boolean {
  return isOwner(caller, session) || session.onBehalfOf === caller.identity.subject;
}

function list(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/holds',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      requireRole(caller, 'admin', 'auditor');
      const { all } = validate(holdQuery, query, 'query');
      await audit('log.read', { what: 'holds' });
      return { holds: await services.holds.list(all === 'true') } satisfies HoldList;
    },
  };
}

function add(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/holds',
    audit: 'hold.add',
    handle: async ({ caller, body, audit }) => {
      requireRole(caller, 'admin');
      const { scope, value, issuer, reason } = validate(holdBody, body, 'body');
      if ((scope === 'subject') !== (issuer !== null)) throw new GwError('usage.invalid', 'A hold on a subject names its issuer, and no other hold does.');
      if (scope === 'session') await visibleSession(value, caller, services);
      const id = newId(HOLD_ID, services.clock.now());
      const record = (): Promise<void> => audit('hold.add', { hold: id, scope, value, holdIssuer: issuer, reason });
      return services.holds.add({ id, scope, value, issuer, reason, addedBy: caller.identity.name }, record);
    },
  };
}

function release(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/holds/:id/release',
    audit: 'hold.release',
    handle: async ({ caller, params, body, audit }) => {
      requireRole(caller, 'admin');
      const { id } = validate(byId, params, 'path');
      const { reason } = validate(why, body, 'body');
      const hold = await services.holds.find(id);
      if (hold === null) throw unknown();
      if (hold.releasedAt !== null) return hold satisfies Hold;
      if (await isHeldBy(hold, caller, services))
        throw new GwError('api.forbidden', 'Nobody releases what keeps their own record, or that of what acted for them.', {
          hint: 'Ask another administrator.',
        });
      const { scope, value, issuer } = hold;
      await audit('hold.release', { hold: id, scope, value, holdIssuer: issuer, reason });
      const released = await services.holds.release(id, caller.identity.name, reason);
      if (released === null) throw unknown();
      return released;
    },
  };
}

/** Whether a hold is on the caller, or on a session of theirs. */
async function isHeldBy({ scope, value, issuer }: Hold, caller: Caller, services: ApiServices): Promise<boolean> {
  if (scope === 'subject') return issuer !== null && isOwner(caller, { issuer, subject: value });
  const session = scope === 'session' ? await services.sessions.find(value) : null;
  return session !== null && isOwnRecord(caller, session);
}

const unknown = (): GwError => new GwError('hold.unknown', 'There is no such hold.');
