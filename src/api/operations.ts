/**
 * GET /api/v1/operations?q: operations of all sessions by their texts and names, out of the index. Without the role of an auditor only one's own;
 * looking at those of others is recorded.
 */
import { z } from 'zod';
import type { OperationList } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { OperationQuery } from '../contract/operation-index.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { readSearchQuery } from './search-query.js';
import { actionWords, notesOnClasses, withNotes } from './search-words.js';
import { validate } from './validate.js';

const searchQuery = z.strictObject({
  q: z.string().min(1).max(2_000),
  before: z.string().min(1).max(120).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  /** `true`: only the caller's own, whatever the roles. */
  mine: z.enum(['true', 'false']).default('false'),
});

export function operationsRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/operations',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      const { q, before, limit, mine } = validate(searchQuery, query, 'query');
      const wanted = readSearchQuery(q, services.clock.now(), actionWords(services));
      const everybody = caller.roles.includes('auditor') && mine === 'false';
      const { issuer, subject } = caller.identity;
      if (everybody) await audit('log.read', { what: 'operations' });
      const operations = await services.operations.search({
        ...wanted,
        owner: everybody ? null : { issuer, subject },
        limit,
        after: before === undefined ? null : placeOf(before),
      });
      const last = operations.length === limit ? operations.at(-1) : undefined;
      const classes = wanted.tags.flatMap((tag) => (tag.startsWith('masked:') ? [tag.slice('masked:'.length)] : []));
      return {
        operations,
        next: last === undefined ? null : `${last.at}~${last.session}~${last.sequence}`,
        ...withNotes(notesOnClasses(classes, services)),
      } satisfies OperationList;
    },
  };
}

/** Where a page ended, as the page before said it. */
function placeOf(text: string): NonNullable<OperationQuery['after']> {
  const [at = '', session = '', sequence = ''] = text.split('~');
  if (Number.isNaN(Date.parse(at)) || !/^\w{1,60}$/.test(session) || !/^\d{1,15}$/.test(sequence))
    throw new GwError('usage.invalid', '`before` is no place of a page.');
  return { at, session, sequence: Number(sequence) };
}
