/**
 * GET /api/v1/sessions/:id/export: the whole record of a session as a stream. For its owner and for auditors, like the record itself; each
 * export is recorded before its first byte.
 */
import { z } from 'zod';
import { EXPORT_FORMATS } from '../contract/api-types.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';
import { visibleSession } from './visible-session.js';

const exportParams = z.strictObject({ id: z.string().max(60) });
const exportQuery = z.strictObject({ format: z.enum(EXPORT_FORMATS).default('ndjson') });

const TYPES = { ndjson: 'application/x-ndjson', sql: 'application/sql', asciicast: 'application/x-asciicast' } as const;

export function sessionExportRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/sessions/:id/export',
    audit: null,
    handle: async ({ caller, params, query, audit }) => {
      const session = await visibleSession(validate(exportParams, params, 'path').id, caller, services);
      const { format } = validate(exportQuery, query, 'query');
      if (!isOwner(caller, session)) requireRole(caller, 'auditor');
      const chunks = services.records.export(session, format);
      await audit('log.read', {
        what: `export ${format}`,
        session: session.id,
        target: session.target,
        sessionIssuer: session.issuer,
        sessionSubject: session.subject,
      });
      return new ApiStream(TYPES[format], chunks);
    },
  };
}
