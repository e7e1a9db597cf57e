/**
 * GET /api/v1/audit/entries and …/tail: the entries of the audit log, searched and followed. For auditors alone, admins included only when they are
 * auditors too. Reading the log is itself an entry of it, written before anything is given.
 */
import { z } from 'zod';
import type { AuditFilter } from '../contract/audit-entry.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';
import { whileAllowed } from './while-allowed.js';

const text = z.string().min(1).max(300);
const kind = z.string().regex(/^[a-z][a-z_.]{0,60}\*?$|^\*$/, 'must be a kind of entry, or its beginning and *');

const filterFields = {
  kind: z.union([kind.transform((one) => [one]), z.array(kind).max(50)]).default([]),
  subject: text.optional(),
  target: text.optional(),
  session: text.optional(),
  text: text.optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};
const searchQuery = z.strictObject({
  ...filterFields,
  before: z.string().min(1).max(5_000).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
const tailQuery = z.strictObject({ ...filterFields, last: z.coerce.number().int().min(0).max(1_000).default(10) });

export function auditEntryRoutes(services: ApiServices): ApiRoute[] {
  return [
    {
      method: 'GET',
      url: '/api/v1/audit/entries',
      audit: null,
      handle: async ({ caller, query, audit }) => {
        const { before, limit, ...asked } = validate(searchQuery, query, 'query');
        requireRole(caller, 'auditor');
        await audit('log.read', { what: 'audit search', ...aboutWhat(asked) });
        return services.auditLog.search(filterOf(asked), limit, before ?? null);
      },
    },
    {
      method: 'GET',
      url: '/api/v1/audit/entries/tail',
      audit: null,
      handle: async ({ caller, query, audit }) => {
        const { last, ...asked } = validate(tailQuery, query, 'query');
        requireRole(caller, 'auditor');
        await audit('log.read', { what: 'audit tail', ...aboutWhat(asked) });
        const lines = services.auditLog.follow(filterOf(asked), last);
        return new ApiStream(
          'application/x-ndjson',
          whileAllowed(lines, caller, (now) => requireRole(now, 'auditor'), services),
        );
      },
    },
  ];
}

type Asked = Omit<z.output<typeof tailQuery>, 'last'>;

function filterOf({ kind: kinds, subject, target, session, text: words, since, until }: Asked): AuditFilter {
  return {
    kinds,
    subject: subject ?? null,
    target: target ?? null,
    session: session ?? null,
    text: words ?? null,
    since: since ?? null,
    until: until ?? null,
  };
}

/** Of whom or what the entries were asked for; the words that were looked for are nobody's business. */
function aboutWhat({ target, session, subject }: Asked): { target?: string; session?: string; sessionSubject?: string } {
  return {
    ...(target === undefined ? {} : { target }),
    ...(session === undefined ? {} : { session }),
    ...(subject === undefined ? {} : { sessionSubject: subject }),
  };
}
