/**
 * GET /api/v1/sessions and /api/v1/sessions/:id. People see their own sessions; auditors all of them with their record; admins the list of
 * all, but the record (the exact statements) only of their own. Reading a record, or other people's sessions, is itself recorded.
 */
import { z } from 'zod';
import type { SessionDetail, SessionList } from '../contract/api-types.js';
import { APPROVAL_STATES } from '../contract/approval.js';
import { SEARCH_FIELDS, type SearchField, tagOf, VERDICTS } from '../contract/operation-index.js';
import type { SessionFilter } from '../contract/session-store.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { isOwner, requireRole } from './caller.js';
import { actionWords, notesOnClasses, requireWord, withNotes } from './search-words.js';
import { validate } from './validate.js';
import { visibleSession } from './visible-session.js';

const text = z.string().min(1).max(300);

const OWN_ONLY = 'These are sessions of your own alone: what those of others did, only auditors may ask.';

const listQuery = z.strictObject({
  state: z.enum(['live', 'ended']).optional(),
  issuer: z.string().min(1).max(2048).optional(),
  subject: text.optional(),
  name: text.optional(),
  /** Names of targets are written small. */
  target: text.toLowerCase().optional(),
  kind: z.enum(['person', 'service', 'agent']).optional(),
  onBehalfOf: text.optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  /** Of one operation that the session has. */
  relation: text.optional(),
  verdict: z.enum(VERDICTS).optional(),
  action: text.optional(),
  masked: text.optional(),
  /** A request by its id, or a state. */
  approval: z
    .string()
    .refine(
      (which) => /^apr_\w{1,56}$/.test(which) || which === 'any' || (APPROVAL_STATES as readonly string[]).includes(which),
      `must be the id of a request (apr_…), a state (${APPROVAL_STATES.join(', ')}) or any`,
    )
    .optional(),
  before: z.string().min(1).max(60).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  /** `true`: only the caller's own, whatever the roles. */
  mine: z.enum(['true', 'false']).default('false'),
});

const detailParams = z.strictObject({ id: z.string().max(60) });
const detailQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(5_000).default(1_000),
});

export function sessionRoutes(services: ApiServices): ApiRoute[] {
  return [list(services), detail(services)];
}

function list(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/sessions',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      const { mine, relation, verdict, action, masked, ...asked } = validate(listQuery, query, 'query');
      if (action !== undefined) requireWord('action', action, actionWords(services));
      const has = tagsOf({ relation, verdict, kind: action, masked });
      const { issuer, subject } = caller.identity;
      const all = caller.roles.length > 0 && mine === 'false';
      // What a session did is its record: a list by it would tell that to those who may not read records.
      const everybody = all && (has.length === 0 || caller.roles.includes('auditor'));
      const told = notesOnClasses(masked === undefined ? [] : [masked], services);
      const notes = all && !everybody ? [...told, OWN_ONLY] : told;
      if (!everybody && ((asked.issuer ?? issuer) !== issuer || (asked.subject ?? subject) !== subject)) {
        return { sessions: [], next: null, ...withNotes(notes) } satisfies SessionList;
      }
      if (everybody) await audit('log.read', { what: 'sessions', ...(asked.target === undefined ? {} : { target: asked.target }) });
      const filter = withoutUndefined({ ...asked, has, ...(everybody ? {} : { issuer, subject }) });
      const sessions = await services.sessions.list(filter);
      return { sessions, next: sessions.length === asked.limit ? (sessions.at(-1)?.id ?? null) : null, ...withNotes(notes) } satisfies SessionList;
    },
  };
}

function detail(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/sessions/:id',
    audit: null,
    handle: async ({ caller, params, query, audit }) => {
      const session = await visibleSession(validate(detailParams, params, 'path').id, caller, services);
      const page = validate(detailQuery, query, 'query');
      if (!isOwner(caller, session)) requireRole(caller, 'auditor');
      await audit('log.read', {
        what: 'record',
        session: session.id,
        target: session.target,
        sessionIssuer: session.issuer,
        sessionSubject: session.subject,
      });
      const record = await services.records.read(session, page);
      const clientRecording = session.clientRecording === undefined ? null : await services.clientRecordings.find(session.clientRecording);
      return { session, ...record, ...(clientRecording === null ? {} : { clientRecording }) } satisfies SessionDetail;
    },
  };
}

function tagsOf(names: Readonly<Partial<Record<SearchField, string | undefined>>>): string[] {
  return SEARCH_FIELDS.flatMap((field) => {
    const value = names[field];
    return value === undefined ? [] : [tagOf(field, value)];
  });
}

function withoutUndefined(filter: { [Key in keyof SessionFilter]: SessionFilter[Key] | undefined }): SessionFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as unknown as SessionFilter;
}
