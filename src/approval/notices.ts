/**
 * What people and programs outside of gw are told about a request. Pure. No message holds a statement, a parameter or a free text of the
 * policy's secrets: what a request is about, who asks, and how to look at it in gw, where the reader has to log in.
 */
import type { Secret } from '../base/secret.js';
import type { ApprovalRecord } from '../contract/approval.js';
import type { SecretSource } from '../contract/settings.js';

export type NoticeEvent = 'requested' | 'vote' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'used' | 'revoked' | 'break_glass' | 'reviewed';

/** `later`: not now, perhaps then. `refused`: never. */
export type Delivery = 'delivered' | 'later' | 'refused';
export type ReadSecret = (source: SecretSource) => Promise<Secret>;

export interface Notice {
  /** The same for every attempt to deliver it: the receiver can tell a repetition. */
  readonly id: string;
  readonly event: NoticeEvent;
  readonly at: number;
  readonly record: ApprovalRecord;
}

/** Null: the change is nobody's business (an estimate, another session that waits). */
export function noticeOf(before: ApprovalRecord | null, after: ApprovalRecord, at: number): Notice | null {
  const event = eventOf(before, after);
  return event === null ? null : { id: `${after.id}.${after.version}`, event, at, record: after };
}

function eventOf(before: ApprovalRecord | null, after: ApprovalRecord): NoticeEvent | null {
  if (before === null) return after.kind === 'break_glass' ? 'break_glass' : 'requested';
  if (before.review === null && after.review !== null) return 'reviewed';
  if (before.state !== after.state) return after.state === 'pending' ? null : after.state;
  return after.votes.length > before.votes.length ? 'vote' : null;
}

/** What is worth the attention of people, not only of programs. */
export function isForPeople({ event }: Notice): boolean {
  return event === 'requested' || event === 'approved' || event === 'denied' || event === 'break_glass' || event === 'reviewed';
}

/** One line, no line breaks and no characters that reorder it: texts of others stand in it. */
function line(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

function what({ kind, operation, target: name, account, grantMs }: ApprovalRecord): string {
  const target = account === undefined ? name : `${name} as ${account}`;
  if (kind === 'break_glass') return `break-glass access to ${target}`;
  const time = grantMs === null ? '' : ` for ${Math.round(grantMs / 60_000)} min`;
  return operation === null ? `${kind === 'connect' ? 'to connect' : 'access'} to ${target}${time}` : `on ${target}${time}: ${operation.summary}`;
}

export function headline({ event, record }: Notice): string {
  const who = record.requester.name;
  const asked = line(`${who} asks ${what(record)}`);
  switch (event) {
    case 'requested':
      return asked;
    case 'break_glass':
      return line(`BREAK-GLASS: ${who} opened ${what(record)} without approval`);
    case 'reviewed':
      return line(
        `${record.review?.by.name ?? ''} ${record.review?.accepted === true ? 'accepted' : 'did NOT accept'} the break-glass access of ${who} to ${record.target}`,
      );
    case 'denied':
      return line(`Denied by ${record.ended?.by?.name ?? 'somebody'}: ${asked}`);
    default:
      return line(`${event.charAt(0).toUpperCase()}${event.slice(1)}: ${asked}`);
  }
}

/** The rest, for people: why, by when, and how. */
export function bodyLines(notice: Notice): readonly string[] {
  const { record, event } = notice;
  const open = event === 'requested' || event === 'break_glass';
  return [
    `Reason: ${line(record.reason ?? 'none was given')}`,
    ...(record.ticket === null ? [] : [`Ticket: ${line(record.ticket)}`]),
    `Asked: ${line(record.demand.groups.join(', '))}${record.demand.tier === null ? '' : ` (tier ${record.demand.tier})`}`,
    ...(event === 'requested' ? [`Expires: ${new Date(record.expiresAt).toISOString()}`] : []),
    ...(open ? [`Look at it: gw approve ${record.id}`] : [`Details: gw request show ${record.id}`]),
  ];
}

/** What programs get. */
export function noticeJson({ id, event, at, record }: Notice, gateway: string): object {
  const { requester, operation, demand } = record;
  return {
    version: 1,
    id,
    event,
    at: new Date(at).toISOString(),
    gateway,
    request: {
      id: record.id,
      kind: record.kind,
      state: record.state,
      requester: { issuer: requester.issuer, subject: requester.subject, kind: requester.kind, name: requester.name },
      onBehalfOf: record.onBehalfOf?.subject ?? null,
      target: record.target,
      summary: operation?.summary ?? null,
      actions: operation?.actions ?? [],
      digest: record.digest,
      policy: record.policy,
      rule: record.rule,
      tier: demand.tier,
      groups: demand.groups,
      quorum: demand.quorum,
      votes: record.votes.map(({ by, at: when }) => ({ name: by.name, at: new Date(when).toISOString() })),
      reason: record.reason,
      ticket: record.ticket,
      session: record.session,
      expiresAt: new Date(record.expiresAt).toISOString(),
      activeUntil: record.activeUntil === null ? null : new Date(record.activeUntil).toISOString(),
    },
  };
}
