/** The JSON documents inside a journal, checked when they are read: a journal is untrusted input, and its readers hand these values on as typed ones. */
import { z } from 'zod';
import type { ApprovalDemand, Limits, RecordedDecision, Tier } from '../contract/decision.js';
import type { MaskedAs } from '../contract/masking-policy.js';
import type { Assurance, Facts } from '../contract/operation.js';
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import { decodeJson } from './entry-decoder.js';

// Words join these unions with time; a reader shows those that it does not know as they are.
const tier = z.string() as unknown as z.ZodType<Tier>;

const assurance = z.string() as unknown as z.ZodType<Assurance>;

const approval: z.ZodType<ApprovalDemand> = z.object({
  approvers: z.array(z.object({ rule: z.string(), groups: z.array(z.string()), quorum: z.number() })),
  groups: z.array(z.string()),
  quorum: z.number(),
  expiresInMs: z.number(),
  tier: tier.nullable(),
  confirmTarget: z.boolean(),
  grantMs: z.number().nullable(),
  breakGlassMs: z.number().nullable(),
});

const limits: z.ZodType<Limits> = z.object({
  rows: z.number().nullable(),
  bytes: z.number().nullable(),
  seconds: z.number().nullable(),
  statements: z.number().nullable(),
  overRows: approval.nullable(),
  mostRows: z.exactOptional(z.number()),
});

const decision = z.object({
  effect: z.string() as unknown as z.ZodType<RecordedDecision['effect']>,
  rule: z.string().nullable(),
  policy: z.string(),
  reasons: z.array(z.string()),
  hint: z.string().nullable(),
  warnings: z.exactOptional(z.array(z.string())),
  limits: z.exactOptional(limits.nullable()),
  approval: z.exactOptional(approval.nullable()),
  tier: z.exactOptional(tier.nullable()),
});

const start = z.object({
  session: z.string(),
  startedAt: z.number(),
  gateway: z.string(),
  identity: z.object({
    issuer: z.string(),
    subject: z.string(),
    kind: z.string(),
    name: z.string(),
    email: z.string().nullable(),
    groups: z.array(z.string()),
    onBehalfOf: z.object({ issuer: z.string().nullable(), subject: z.string(), verified: z.boolean() }).nullable(),
    amr: z.exactOptional(z.array(z.string())),
    acr: z.exactOptional(z.string()),
  }),
  target: z.string(),
  protocol: z.string(),
  via: z.string(),
  clientAddress: z.string(),
  reason: z.string().nullable(),
  client: z.string().nullable(),
  readOnly: z.exactOptional(z.literal(true)),
  account: z.exactOptional(z.string()),
  assurance: z.exactOptional(assurance),
  decision,
});

const end = z.object({
  endedAt: z.number(),
  reason: z.string(),
  message: z.string().nullable(),
  operations: z.number(),
  refused: z.number(),
  rows: z.number(),
  bytesUp: z.number(),
  bytesDown: z.number(),
});

const factValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

const facts = z.object({
  effects: z.array(
    z.object({
      action: z.string(),
      resource: z.object({ type: z.string(), name: z.array(z.string().nullable()), columns: z.array(z.string()).nullable() }).nullable(),
      facts: z.record(z.string(), factValue),
    }),
  ),
  unknown: z.array(z.string()),
  summary: z.string(),
  redacted: z.string().nullable(),
});

const maskedAs: z.ZodType<MaskedAs> = z.object({
  class: z.string(),
  treatment: z.string() as unknown as z.ZodType<MaskedAs['treatment']>,
  rule: z.string().nullable(),
});

export function readMaskedAs(json: Buffer): MaskedAs | null {
  return maskedAs.safeParse(decodeJson(json)).data ?? null;
}

export function readStart(json: Buffer): SessionStart | null {
  return start.safeParse(decodeJson(json)).data ?? null;
}

export function readEnd(json: Buffer): SessionEnd | null {
  return end.safeParse(decodeJson(json)).data ?? null;
}

export function readDecision(json: Buffer): RecordedDecision | null {
  return decision.safeParse(decodeJson(json)).data ?? null;
}

export function readFacts(json: Buffer): Facts | null {
  return facts.safeParse(decodeJson(json)).data ?? null;
}
