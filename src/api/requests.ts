/**
 * GET /api/v1/requests and /api/v1/requests/:id. A list can be waited on: with `since` and `wait` the answer comes when the list has
 * changed, so that `gw approve` is live over plain requests, whichever process answers.
 */
import { z } from 'zod';
import type { ApprovalInfo, ApprovalList } from '../contract/api-types.js';
import { APPROVAL_STATES, type ApprovalFilter, type ApprovalRecord } from '../contract/approval.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { type Caller, requireRole } from './caller.js';
import { validate } from './validate.js';
import { reviewerOf, showList, showRequest, visibleRequest } from './visible-request.js';

/** Longest wait, seconds. */
const LONGEST_WAIT = 15;

const list = <T extends z.ZodType>(item: T) => z.union([item.transform((one) => [one]), z.array(item).min(1).max(50)]);

const listQuery = z.strictObject({
  /** `mine`: what I asked for. `me`: what waits for my decision. `all`: for admins and auditors. */
  for: z.enum(['mine', 'me', 'all']).default('mine'),
  state: list(z.enum(APPROVAL_STATES)).optional(),
  target: z.string().min(1).max(300).optional(),
  session: list(z.string().min(1).max(60)).optional(),
  before: z.string().min(1).max(60).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  since: z.string().max(40).optional(),
  wait: z.coerce.number().int().min(0).max(LONGEST_WAIT).default(0),
});

const detailParams = z.strictObject({ id: z.string().max(60) });

type ListQuery = z.output<typeof listQuery>;

export function requestRoutes(services: ApiServices): ApiRoute[] {
  return [requestList(services), requestDetail(services)];
}

function requestList(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/requests',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      const asked = validate(listQuery, query, 'query');
      if (asked.for === 'all') {
        requireRole(caller, 'admin', 'auditor');
        await audit('log.read', { what: 'requests', ...(asked.target === undefined ? {} : { target: asked.target }) });
      }
      const until = services.clock.monotonic() + asked.wait * 1_000;
      for (;;) {
        const changed = services.approvals.anyChange(Math.max(1, until - services.clock.monotonic()));
        const answer: ApprovalList = showList(await select(asked, caller, services), asked.limit, caller, services);
        const left = until - services.clock.monotonic();
        if (answer.state !== asked.since || left <= 0 || services.draining()) return answer;
        await changed;
      }
    },
  };
}

async function select(asked: ListQuery, caller: Caller, services: ApiServices): Promise<readonly ApprovalRecord[]> {
  const filter: ApprovalFilter = {
    limit: asked.limit,
    ...(asked.state === undefined ? {} : { states: asked.state }),
    ...(asked.target === undefined ? {} : { target: asked.target }),
    ...(asked.session === undefined ? {} : { sessions: asked.session }),
    ...(asked.before === undefined ? {} : { before: asked.before }),
  };
  const { issuer, subject } = caller.identity;
  if (asked.for === 'all') return services.approvals.list(filter);
  if (asked.for === 'mine') return services.approvals.list({ ...filter, requester: { issuer, subject } });
  const reviewer = reviewerOf(caller, services);
  if (reviewer.groups.length === 0) return [];
  const [pending, unreviewed] = await Promise.all([
    services.approvals.list({ ...filter, states: ['pending'], groups: reviewer.groups }),
    services.approvals.list({ ...filter, groups: reviewer.groups, unreviewed: true }),
  ]);
  return [...unreviewed, ...pending].filter((record) => services.approvals.decidable(record, reviewer)).slice(0, asked.limit);
}

function requestDetail(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/requests/:id',
    audit: null,
    handle: async ({ caller, params, audit }) => {
      const record = await visibleRequest(validate(detailParams, params, 'path').id, caller, services);
      const shown = showRequest(record, caller, services);
      if (!shown.mine && !shown.decidable) await audit('log.read', { what: 'request', target: record.target });
      return shown satisfies ApprovalInfo;
    },
  };
}
