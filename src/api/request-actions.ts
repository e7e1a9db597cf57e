/**
 * POST /api/v1/requests, and /api/v1/requests/:id/approve, /deny, /cancel. Who may is decided by the approval domain on the record as it
 * is; a call that it refuses changes nothing. An approval names the digest of what was shown, so it is good for that and nothing else.
 */
import { z } from 'zod';
import type { ApprovalInfo } from '../contract/api-types.js';
import type { ApprovalQuestion } from '../contract/approval.js';
import { approvalAuditData } from '../contract/approval-audit.js';
import { type ApprovalDemand, type Decision, nextStep, whyOf } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Target } from '../contract/target.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import type { Caller } from './caller.js';
import { databaseOf } from './targets.js';
import { validate } from './validate.js';
import { reviewerOf, showRequest, visibleRequest } from './visible-request.js';

const DAY = 24 * 3_600;

const params = z.strictObject({ id: z.string().max(60) });
const comment = z.string().trim().max(1_000).default('');
const approveBody = z.strictObject({ digest: z.string().max(100), target: z.string().max(300).nullable().default(null), reason: comment });
const denyBody = z.strictObject({ reason: z.string().trim().min(1, 'must say why').max(1_000) });
const cancelBody = z.strictObject({ reason: comment });
const createBody = z.strictObject({
  target: z.string().min(1).max(300),
  /** Account at the target. Left out: none is named. */
  account: z.string().min(1).max(300).optional(),
  for: z
    .number()
    .int()
    .min(60)
    .max(7 * DAY)
    .optional(),
  statement: z.string().min(1).max(48_000).optional(),
  reason: z.string().trim().min(1, 'must say why').max(1_000),
  ticket: z.string().trim().max(200).optional(),
});

export function requestActionRoutes(services: ApiServices): ApiRoute[] {
  return [create(services), approve(services), deny(services), cancel(services)];
}

function create(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/requests',
    audit: 'approval.request',
    handle: async ({ caller, address, body, audit }) => {
      const { question, grantMs } = await questionOf(validate(createBody, body, 'body'), caller, address, services);
      const draft = await services.approvals.draft(question, grantMs);
      await audit('approval.request', { ...approvalAuditData(draft), grantSeconds: grantMs === null ? null : grantMs / 1_000 });
      return showRequest(await services.approvals.submit(draft), caller, services) satisfies ApprovalInfo;
    },
  };
}

type Asked = z.output<typeof createBody>;

async function questionOf(
  asked: Asked,
  caller: Caller,
  address: string,
  services: ApiServices,
): Promise<{ question: ApprovalQuestion; grantMs: number | null }> {
  const { identity } = caller;
  const target = services.settings().targets.find(({ name }) => name === asked.target);
  const protocol = target === undefined ? undefined : services.protocols.get(target.protocol);
  if (target === undefined || protocol === undefined) throw new GwError('target.unknown', 'There is no such target, or it is not visible to this identity.');
  const view = services.policy.current().view(identity, target);
  const connect = view.connect(asked.account ?? null);
  if (connect.effect === 'deny') {
    throw new GwError('policy.connect_denied', `Policy does not let ${identity.name} connect to ${target.name}, with an approval neither: ${whyOf(connect)}.`, {
      detail: { rule: connect.rule, policy: connect.policy },
      ...(connect.hint === null ? {} : { hint: connect.hint }),
    });
  }
  let decision: Decision = connect;
  let operation: ApprovalQuestion['operation'] = null;
  if (asked.statement !== undefined) {
    // A statement means something in one database, and who approves must know in which.
    if (typeof target.options === 'object' && target.options !== null && 'database' in target.options && target.options.database === null)
      throw new GwError('usage.invalid', `The target ${target.name} names no database, so a statement cannot be asked for ahead of time.`, {
        hint: 'Connect and run it: it waits for approval there.',
      });
    if (protocol.factsOf === null) throw new GwError('usage.invalid', `What ${protocol.title} does cannot be asked for as a text.`);
    const facts = await protocol.factsOf(asked.statement);
    // As a session would ask that is opened with this reason.
    const masking = await services.maskingDesk.explain({ token: caller.token, address }, identity, target, asked.statement, true);
    const clears = masking === null || masking.clears.length === 0 ? undefined : masking.clears;
    decision = clears === undefined ? view.decide(facts) : view.asking(view.decide(facts), clears);
    const exact = Buffer.from(asked.statement, 'utf8');
    operation = {
      facts,
      exact,
      form: 'query',
      parameters: null,
      language: protocol.recording,
      assurance: protocol.assurance,
      contextual: false,
      ...(clears === undefined ? {} : { clears }),
      estimate: () => Promise.resolve(null),
    };
  }
  const demand = demandOf(asked, decision, view.access());
  const grantMs = asked.for === undefined ? null : asked.for * 1_000;
  if (grantMs !== null && (demand.grantMs === null || grantMs > demand.grantMs)) throw notOffered(demand.grantMs);
  return {
    grantMs,
    question: { ...common(asked, target, connect, caller), kind: grantMs === null ? 'operation' : 'access', operation, demand, ...about(decision) },
  };
}

const about = ({ policy, rule, reasons }: Decision) => ({ policy, rule, reasons });

function common(asked: Asked, target: Target, { account }: Decision, { identity }: Caller) {
  return {
    identity,
    target,
    account: account === undefined || account === target.account ? null : account,
    // Access is to all that the target gives.
    scope: asked.statement === undefined ? null : databaseOf(target.options),
    session: null,
    reason: asked.reason,
    ticket: asked.ticket ?? null,
    waitMs: 0,
    breakGlass: false,
    sequence: 0,
  } as const;
}

function demandOf(asked: Asked, decision: Decision, access: ApprovalDemand | null): ApprovalDemand {
  if (asked.statement !== undefined) {
    if (decision.effect === 'deny') {
      throw new GwError('policy.operation_denied', `Policy refuses this statement, with an approval too: ${whyOf(decision)}.`, {
        detail: { rule: decision.rule, policy: decision.policy },
        hint: nextStep(decision),
      });
    }
    if (decision.approval === null) throw new GwError('usage.invalid', 'This statement needs no approval.', { hint: 'Connect and run it.' });
    return decision.approval;
  }
  if (asked.for === undefined)
    throw new GwError('usage.invalid', 'Say for how long, or for which statement.', { hint: 'Add `--for 1h`, or `--statement TEXT`.' });
  if (access === null) throw notOffered(null);
  return access;
}

function notOffered(longest: number | null): GwError {
  if (longest === null) return new GwError('approval.not_offered', 'Policy does not offer time-boxed access here.');
  return new GwError('approval.not_offered', `Policy offers access for ${Math.floor(longest / 60_000)} minutes at most here.`, {
    hint: 'Ask for a shorter time.',
  });
}

function approve(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/requests/:id/approve',
    audit: 'approval.approve',
    handle: async ({ caller, params: raw, body, audit }) => {
      const record = await visibleRequest(validate(params, raw, 'path').id, caller, services);
      const { digest, target, reason } = validate(approveBody, body, 'body');
      if (record.kind === 'break_glass') await audit('approval.review', { ...approvalAuditData(record), comment: reason, accepted: true });
      else await audit('approval.approve', { ...approvalAuditData(record), comment: reason });
      const given = { digest, confirm: target, reason: reason === '' ? null : reason };
      return showRequest(await services.approvals.approve(record.id, reviewerOf(caller, services), given), caller, services);
    },
  };
}

function deny(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/requests/:id/deny',
    audit: 'approval.deny',
    handle: async ({ caller, params: raw, body, audit }) => {
      const record = await visibleRequest(validate(params, raw, 'path').id, caller, services);
      const { reason } = validate(denyBody, body, 'body');
      if (record.kind === 'break_glass') await audit('approval.review', { ...approvalAuditData(record), comment: reason, accepted: false });
      else await audit('approval.deny', { ...approvalAuditData(record), comment: reason });
      return showRequest(await services.approvals.deny(record.id, reviewerOf(caller, services), reason), caller, services);
    },
  };
}

function cancel(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/requests/:id/cancel',
    audit: 'approval.cancel',
    handle: async ({ caller, params: raw, body, audit }) => {
      const record = await visibleRequest(validate(params, raw, 'path').id, caller, services);
      const { reason } = validate(cancelBody, body, 'body');
      await audit('approval.cancel', { ...approvalAuditData(record), comment: reason });
      return showRequest(await services.approvals.cancel(record.id, caller.identity, reason), caller, services);
    },
  };
}
