/** GET /api/v1/retention and POST /api/v1/retention/run: what is kept how long, what is over, and ending it now. */
import { z } from 'zod';
import type { RetentionReport, RetentionState } from '../contract/retention.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const runBody = z.strictObject({ dryRun: z.boolean().default(false) });

export function retentionRoutes(services: ApiServices): ApiRoute[] {
  return [
    {
      method: 'GET',
      url: '/api/v1/retention',
      audit: null,
      handle: async ({ caller, audit }) => {
        requireRole(caller, 'admin', 'auditor');
        await audit('log.read', { what: 'retention' });
        const { retention } = services;
        return { rules: retention.rules(), due: await retention.run(true) } satisfies RetentionState;
      },
    },
    {
      method: 'POST',
      url: '/api/v1/retention/run',
      audit: 'retention.request',
      handle: async ({ caller, body, audit }) => {
        requireRole(caller, 'admin');
        const { dryRun } = validate(runBody, body ?? {}, 'body');
        await audit('retention.request', { dryRun });
        return (await services.retention.run(dryRun)) satisfies RetentionReport;
      },
    },
  ];
}
