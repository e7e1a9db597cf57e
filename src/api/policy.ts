/**
 * The policy over the API: its text by digest, why a decision comes out as it does, and what a candidate would have decided. People may ask about
 * themselves; about others, for whole texts and for replays one must be an auditor or an admin. All of it is on the record.
 */
import { z } from 'zod';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { PolicyExplanation, PolicySimulation, PolicyText } from '../contract/policy-types.js';
import type { SubjectRecord } from '../contract/session-store.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const DAY = 86_400_000;
/** A policy of 10,000 rules fits. */
const POLICY_BYTES = 8 << 20;

const textParams = z.strictObject({ digest: z.string().regex(/^(sha256:)?[0-9a-f]{6,64}$/, 'must be a digest, or at least its first 6 digits') });
const explainBody = z.strictObject({
  /** Subject, `issuer#subject`, or name where only one has it. Left out: the caller. */
  as: z.string().min(1).max(2_500).optional(),
  target: z.string().min(1).max(200),
  /** Account at the target, of opening a session. Left out: none is named. */
  account: z.string().min(1).max(300).optional(),
  /** Left out: opening a session. */
  statement: z.string().max(50_000).optional(),
  /** As in a session that was opened with a reason. */
  reason: z.boolean().optional(),
});
const simulateBody = z.strictObject({
  files: z
    .array(z.strictObject({ path: z.string().min(1).max(1_000), text: z.string().max(1 << 20) }))
    .min(1)
    .max(256),
  since: z.iso.datetime(),
});

export function policyRoutes(services: ApiServices): ApiRoute[] {
  return [current(services), text(services), explain(services), simulate(services)];
}

function current(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/policy',
    audit: null,
    handle: ({ caller, audit }) => {
      requireRole(caller, 'auditor', 'admin');
      return read(services, null, audit);
    },
  };
}

function text(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/policies/:digest',
    audit: null,
    handle: ({ caller, params, audit }) => {
      requireRole(caller, 'auditor', 'admin');
      return read(services, validate(textParams, params, 'path').digest, audit);
    },
  };
}

async function read(
  services: ApiServices,
  digest: string | null,
  audit: (kind: 'policy.read', data: { readonly policy: string }) => Promise<void>,
): Promise<PolicyText> {
  const found = await services.policyDesk.text(digest);
  await audit('policy.read', { policy: found.digest });
  return found;
}

function explain(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/policy/explain',
    audit: 'policy.explain',
    handle: async ({ caller, body, address, audit }) => {
      const asked = validate(explainBody, body, 'body');
      const privileged = caller.roles.length > 0;
      if (asked.as !== undefined && !isSelf(asked.as, caller.identity)) requireRole(caller, 'auditor', 'admin');
      const target = services.settings().targets.find(({ name }) => name === asked.target);
      if (target === undefined) throw new GwError('target.unknown', `There is no target "${asked.target}" here.`);
      const self = asked.as === undefined || isSelf(asked.as, caller.identity);
      const identity = self ? caller.identity : storedIdentity(await findSubject(asked.as ?? '', services));
      await audit('policy.explain', { issuer: identity.issuer, subject: identity.subject, target: target.name });
      const answer = await services.policyDesk.explain(identity, target, asked.statement ?? null, asked.account ?? null);
      const masking =
        asked.statement === undefined
          ? null
          : await services.maskingDesk.explain({ token: caller.token, address }, identity, target, asked.statement, asked.reason === true);
      const decision = masking === null ? answer.decision : services.policy.current().view(identity, target).asking(answer.decision, masking.clears);
      const notes = [
        ...(self ? [] : ['The claims of the last login are not known here: conditions and selectors that ask for claims may come out otherwise.']),
        ...(privileged ? [] : ['Rules that do not apply are left out.']),
        ...(masking === null || masking.catalog ? [] : ['The catalog of the target is not to be had, so nothing is known of its columns.']),
      ];
      // Who else is named in which rule is not everybody's business.
      const effects = privileged
        ? answer.effects
        : answer.effects.map((effect) => ({ ...effect, rules: effect.rules.filter(({ applies }) => applies !== 'no') }));
      return { ...answer, decision, effects, masking, notes } satisfies PolicyExplanation;
    },
  };
}

const isSelf = (as: string, { issuer, subject }: Identity): boolean => as === subject || as === `${issuer}#${subject}`;

/** @throws GwError `subject.unknown` | `usage.invalid` when several have the name */
async function findSubject(as: string, services: ApiServices): Promise<SubjectRecord> {
  const all = await services.subjects.list();
  const exact = all.filter(({ issuer, subject }) => as === `${issuer}#${subject}`);
  const found = exact.length > 0 ? exact : all.filter(({ subject, name }) => as === subject || as === name);
  const [only] = found;
  if (only === undefined) throw new GwError('subject.unknown', 'Nobody of this name has logged in to this gateway.');
  if (found.length > 1)
    throw new GwError('usage.invalid', 'Several subjects have this name.', { hint: 'Name one as issuer#subject, as `gw users ls` shows it.' });
  return only;
}

function storedIdentity({ issuer, subject, name, kind, email, groups }: SubjectRecord): Identity {
  return { issuer, subject, name, kind, email, emailVerified: email !== null, groups, onBehalfOf: null, claims: {}, expiresAt: Number.MAX_SAFE_INTEGER };
}

function simulate(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/policy/simulate',
    audit: 'policy.simulate',
    bodyLimit: POLICY_BYTES,
    handle: async ({ caller, body, audit }) => {
      requireRole(caller, 'auditor', 'admin');
      const { files, since } = validate(simulateBody, body, 'body');
      const from = Math.max(Date.parse(since), services.clock.now() - 3_660 * DAY);
      await audit('policy.simulate', { policy: services.policyDesk.check(files), since });
      return (await services.policyDesk.simulate(files, from)) satisfies PolicySimulation;
    },
  };
}
