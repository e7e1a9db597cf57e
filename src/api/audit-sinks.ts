/** GET /api/v1/audit/sinks: how far each sink of the audit log is, and what is wrong with it. For admins, who look after it, and for auditors. */
import { z } from 'zod';
import type { SinkList } from '../contract/api-types.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const sinksQuery = z.strictObject({});

export function auditSinksRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/audit/sinks',
    audit: null,
    handle: async ({ caller, query }) => {
      validate(sinksQuery, query, 'query');
      requireRole(caller, 'admin', 'auditor');
      return { sinks: await services.sinks() } satisfies SinkList;
    },
  };
}
