/** GET /api/v1/grants — time-boxed access that lives now — and POST /api/v1/grants/:id/revoke, which ends it and the sessions that rest on it. */
import { z } from 'zod';
import type { ApprovalList } from '../contract/api-types.js';
import { approvalAuditData } from '../contract/approval-audit.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';
import { reviewerOf, showList, showRequest, visibleRequest } from './visible-request.js';

const listQuery = z.strictObject({
  /** `all`: for admins and auditors. */
  for: z.enum(['mine', 'all']).default('mine'),
  target: z.string().min(1).max(300).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
const params = z.strictObject({ id: z.string().max(60) });
const revokeBody = z.strictObject({ reason: z.string().trim().min(1, 'must say why').max(1_000) });

export function grantRoutes(services: ApiServices): ApiRoute[] {
  return [list(services), revoke(services)];
}

function list(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/grants',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      const asked = validate(listQuery, query, 'query');
      if (asked.for === 'all') {
        requireRole(caller, 'admin', 'auditor');
        await audit('log.read', { what: 'grants' });
      }
      const { issuer, subject } = caller.identity;
      const records = await services.approvals.list({
        kinds: ['access', 'break_glass'],
        states: ['approved'],
        activeAfter: services.clock.now(),
        limit: asked.limit,
        ...(asked.for === 'all' ? {} : { requester: { issuer, subject } }),
        ...(asked.target === undefined ? {} : { target: asked.target }),
      });
      return showList(records, asked.limit, caller, services) satisfies ApprovalList;
    },
  };
}

function revoke(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/grants/:id/revoke',
    audit: 'grant.revoke',
    handle: async ({ caller, params: raw, body, audit }) => {
      const record = await visibleRequest(validate(params, raw, 'path').id, caller, services);
      const { reason } = validate(revokeBody, body, 'body');
      await audit('grant.revoke', { ...approvalAuditData(record), comment: reason });
      const asAdmin = caller.roles.includes('admin');
      return showRequest(await services.approvals.revoke(record.id, reviewerOf(caller, services), reason, asAdmin), caller, services);
    },
  };
}
