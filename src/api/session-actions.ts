/**
 * POST /api/v1/sessions/:id/kill and /renew. The session may run in another process or on another gateway: what is not here goes over
 * the bus. Owners end their own sessions, admins any; only the owner renews, with a fresh token of the same issuer, subject and kind;
 * the session then has the rights of that token, no others.
 */
import { z } from 'zod';
import type { KillReply, RenewReply } from '../contract/api-types.js';
import { carryIdentity } from '../contract/carried-identity.js';
import { GwError } from '../contract/gw-error.js';
import type { SessionSummary } from '../contract/session-store.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';
import { ownSession, visibleSession } from './visible-session.js';

const params = z.strictObject({ id: z.string().max(60) });
const killBody = z.strictObject({ reason: z.string().trim().max(500).default('') });
const renewBody = z.strictObject({}).nullish();

export function sessionActionRoutes(services: ApiServices): ApiRoute[] {
  return [kill(services), renew(services)];
}

const aboutSession = (session: SessionSummary) => ({
  session: session.id,
  target: session.target,
  sessionIssuer: session.issuer,
  sessionSubject: session.subject,
});

function kill(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/sessions/:id/kill',
    audit: 'session.kill',
    handle: async ({ caller, params: raw, body, audit }) => {
      const session = await visibleSession(validate(params, raw, 'path').id, caller, services);
      const { reason } = validate(killBody, body, 'body');
      if (!isOwner(caller, session)) requireRole(caller, 'admin');
      if (session.state === 'ended') return { session: session.id, state: 'ended' } satisfies KillReply;
      await audit('session.kill', { ...aboutSession(session), reason });
      const by = caller.identity.name;
      if (!services.local.kill(session.id, by, reason)) await services.bus.publish({ kind: 'session.kill', session: session.id, by, reason });
      return { session: session.id, state: 'ending' } satisfies KillReply;
    },
  };
}

function renew(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/sessions/:id/renew',
    audit: 'session.renew',
    handle: async ({ caller, params: raw, body, audit }) => {
      const session = await ownSession(validate(params, raw, 'path').id, caller, services);
      validate(renewBody, body, 'body');
      if (session.state === 'ended') throw new GwError('session.unknown', 'The session has ended.');
      const { identity } = caller;
      // Said again where the session runs; here it is an answer to whoever asks, wherever that is.
      if (identity.kind !== session.kind || (identity.onBehalfOf?.subject ?? null) !== session.onBehalfOf)
        throw new GwError('api.forbidden', 'A session is renewed by an identity of the same issuer, subject and kind, acting for the same principal.');
      const expiresAt = new Date(identity.expiresAt).toISOString();
      await audit('session.renew', { ...aboutSession(session), expiresAt });
      if (!services.local.renew(session.id, identity))
        await services.bus.publish({ kind: 'session.renew', session: session.id, identity: carryIdentity(identity) });
      return { session: session.id, expiresAt } satisfies RenewReply;
    },
  };
}
