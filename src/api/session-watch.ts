/**
 * GET /api/v1/sessions/:id/watch: a live session as it happens, as an asciicast that goes on until the session ends. Read-only. For its owner and for
 * auditors; it is recorded before the first byte. Token, lock and role are looked at again all the while: whoever loses the right is cut off
 * within seconds.
 */
import { z } from 'zod';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { type Caller, isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';
import { visibleSession } from './visible-session.js';
import { whileAllowed } from './while-allowed.js';

const watchParams = z.strictObject({ id: z.string().max(60) });
const watchQuery = z.strictObject({});

export function sessionWatchRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/sessions/:id/watch',
    audit: null,
    handle: async ({ caller, params, query, audit }) => {
      const session = await visibleSession(validate(watchParams, params, 'path').id, caller, services);
      validate(watchQuery, query, 'query');
      if (!isOwner(caller, session)) requireRole(caller, 'auditor');
      const chunks = services.records.watch(session);
      await audit('log.read', {
        what: 'watch',
        session: session.id,
        target: session.target,
        sessionIssuer: session.issuer,
        sessionSubject: session.subject,
      });
      const stillAllowed = (now: Caller): void => {
        if (!isOwner(now, session)) requireRole(now, 'auditor');
      };
      return new ApiStream('application/x-asciicast', whileAllowed(chunks, caller, stillAllowed, services));
    },
  };
}
