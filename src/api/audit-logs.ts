/**
 * GET /api/v1/audit/logs and its files: the logs of this gateway as C2SP tlog-tiles has them, for whoever mirrors them: witnesses and auditors. For
 * auditors alone. Checkpoints, hashes, timestamps and statements about keys say nothing of anybody; reading a bundle of entries is itself an entry.
 */
import { z } from 'zod';
import type { AuditLogList } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const nothing = z.strictObject({});
const TILE = String.raw`tile/(?:entries|\d)/(?:x\d{3}/){0,5}\d{3}(?:\.p/\d{1,3})?`;
const TIMESTAMP = String.raw`timestamp/(?:0|[1-9]\d{0,15})\.(?:checkpoint|tsr)`;
/** What a log consists of; nothing else is ever read. */
const file = z.strictObject({
  '*': z.string().regex(new RegExp(String.raw`^(?:rotation\.\d{1,3}|\d{1,3}/(?:checkpoint|pruned|${TILE}|${TIMESTAMP}))$`), 'must be a file of a log'),
});

export function auditLogRoutes(services: ApiServices): ApiRoute[] {
  return [
    {
      method: 'GET',
      url: '/api/v1/audit/logs',
      audit: null,
      handle: async ({ caller, query }) => {
        validate(nothing, query, 'query');
        requireRole(caller, 'auditor');
        return services.auditLog.list() satisfies Promise<AuditLogList>;
      },
    },
    {
      method: 'GET',
      url: '/api/v1/audit/logs/*',
      audit: null,
      handle: async ({ caller, params, query, audit }) => {
        const { '*': path } = validate(file, params, 'path');
        validate(nothing, query, 'query');
        requireRole(caller, 'auditor');
        if (path.includes('/entries/')) await audit('log.read', { what: `audit log ${path}` });
        const bytes = await services.auditLog.file(path);
        if (bytes === null) throw new GwError('audit.unknown', `The audit log has no file ${path}, or not any more.`);
        return bytes;
      },
    },
  ];
}
