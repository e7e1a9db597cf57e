/**
 * GET /api/v1/evidence: an evidence pack of a period or a session as a stream of frames (`contract/evidence-types.ts`). For auditors; recorded before
 * anything is read.
 */
import { z } from 'zod';
import { EVIDENCE_FRAMEWORKS, type EvidenceScope } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';
import { visibleSession } from './visible-session.js';

const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const evidenceQuery = z.strictObject({
  framework: z.enum(EVIDENCE_FRAMEWORKS).default('ffiec'),
  from: moment.optional(),
  to: moment.optional(),
  session: z.string().min(1).max(60).optional(),
  nonce: z.string().max(1_000).default(''),
  sample: z.coerce.number().int().min(1).max(1_000).default(25),
});

export function evidenceRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/evidence',
    audit: null,
    handle: async ({ caller, query, audit, requestId, left }) => {
      const { framework, from, to, session, nonce, sample } = validate(evidenceQuery, query, 'query');
      requireRole(caller, 'auditor');
      const now = services.clock.now();
      if (from === undefined && session === undefined) throw new GwError('usage.invalid', 'The begin of the period (`from`) is missing.');
      if (to !== undefined && to > now)
        throw new GwError('usage.invalid', 'The end of the period lies in the future.', { hint: 'Choose an end that has passed, or none: that is now.' });
      const of = session === undefined ? null : await visibleSession(session, caller, services);
      const scope: EvidenceScope = {
        framework,
        from: from ?? null,
        to: to ?? (of === null || of.state === 'live' || from !== undefined ? now : null),
        session: of?.id ?? null,
        nonce,
        sample,
      };
      await audit('evidence.export', {
        framework,
        ...(scope.from === null ? {} : { from: new Date(scope.from).toISOString() }),
        ...(scope.to === null ? {} : { to: new Date(scope.to).toISOString() }),
        ...(of === null ? {} : { session: of.id, target: of.target, sessionIssuer: of.issuer, sessionSubject: of.subject }),
      });
      return new ApiStream('application/vnd.gw.evidence', await services.evidence.export(scope, requestId, left));
    },
  };
}
