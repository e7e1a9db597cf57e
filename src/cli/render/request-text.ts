/** How requests for approval read: as rows, and one of them whole, for whoever decides on it. All texts are other people's. */
import type { ChalkInstance } from 'chalk';
import { counted } from '../../base/counted.js';
import type { ApprovalInfo } from '../../contract/api-types.js';
import { shownOf } from '../../contract/approval.js';
import { visible } from '../terminal.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';
import { statementLine, statementText } from './statement-text.js';

const TEXT_WIDTH = 60;

const KINDS: Readonly<Record<ApprovalInfo['kind'], string>> = {
  operation: 'one statement, once',
  connect: 'one session',
  access: 'access for a time',
  break_glass: 'BREAK-GLASS ACCESS, opened without approval',
};

function what(request: ApprovalInfo): string {
  if (request.kind === 'break_glass') return 'break-glass access: review';
  if (request.operation !== null) return statementLine(request.operation.text, TEXT_WIDTH);
  return request.kind === 'connect' ? 'connect' : `access for ${Math.round((request.grantSeconds ?? 0) / 60)} min`;
}

export function requestColumns(now: number): readonly Column<ApprovalInfo>[] {
  // What is over ended when it did, not when it would have.
  const end = (request: ApprovalInfo): string => request.ended?.at ?? request.used?.at ?? request.activeUntil ?? request.expiresAt;
  return [
    { name: 'id', value: ({ id }) => id },
    { name: 'state', value: ({ state }) => state },
    { name: 'who', value: ({ requester }) => requester.name },
    { name: 'target', value: ({ target }) => target },
    { name: 'tier', value: ({ tier }) => tier },
    { name: 'what', value: what },
    { name: 'reason', value: ({ reason }) => reason },
    { name: 'ends', value: end, show: (request) => relativeTime(end(request), now) },
  ];
}

/** Who has to review it, and when. Null: nobody, or it was done. */
function awaited({ kind, state, review, groups, activeUntil, id, session }: ApprovalInfo): string | null {
  if (kind !== 'break_glass' || review?.accepted === true) return null;
  const read = session === null ? '' : `; \`gw sessions show ${session}\` shows what was done`;
  const when = state === 'approved' ? `, from ${activeUntil ?? 'its end'} on or once it was ended with \`gw grants revoke ${id}\`` : '';
  return `${review === null ? 'waits for' : 'may still be accepted by'} somebody else of ${groups.join(' or ')}${when}${read}`;
}

/** Everything that a decision should rest on. */
export function renderRequest(request: ApprovalInfo, now: number, paint: ChalkInstance): string {
  const { requester, operation, estimate } = request;
  const behalf = request.onBehalfOf === null ? '' : `, on behalf of ${request.onBehalfOf}`;
  const line = (name: string, value: string | null): string => (value === null || value === '' ? '' : `${paint.dim(name.padEnd(11))}${visible(value)}\n`);
  const needs = request.missing.map(({ people, groups, rule }) => `${people} of ${groups.join(' or ')} (${rule})`).join(', and ');
  return [
    line('request', `${request.id} (${request.state}): ${KINDS[request.kind]}`),
    line('who', `${requester.name} (${requester.kind}) ${requester.issuer}#${requester.subject}${behalf}`),
    line(
      'target',
      `${request.target}${request.account === undefined ? '' : ` as ${request.account}`}${request.scope === null ? '' : `, ${request.scope}`} (${request.protocol})`,
    ),
    line('why', request.reason ?? 'no reason was given'),
    line('ticket', request.ticket),
    line('rule', `${request.rule ?? '(default)'}${request.reasons.length === 0 ? '' : `: ${request.reasons.join('; ')}`}`),
    line('tier', request.tier),
    line(
      'for',
      request.grantSeconds === null
        ? null
        : `${Math.round(request.grantSeconds / 60)} min${request.activeUntil === null ? '' : `, until ${request.activeUntil}`}`,
    ),
    line('expires', request.state === 'pending' ? `${request.expiresAt} (${relativeTime(request.expiresAt, now)})` : null),
    line('needs', needs),
    line('review', awaited(request)),
    line('session', request.session),
    line('waits', request.waiting ? 'somebody sits and waits for the answer' : null),
    ...request.votes.map(({ by, at, reason }) => line('approved', `by ${by}, ${relativeTime(at, now)}${reason === null ? '' : `: ${reason}`}`)),
    line('ended', request.ended === null ? null : `${request.ended.at}${request.ended.by === null ? '' : ` by ${request.ended.by}`}: ${request.ended.why}`),
    line('used', request.used === null ? null : `${request.used.at} in ${request.used.session}, operation ${request.used.sequence}`),
    line(
      'reviewed',
      request.review === null
        ? null
        : `${request.review.accepted ? 'accepted' : 'NOT accepted'} by ${request.review.by}, ${request.review.at}${request.review.reason === null ? '' : `: ${request.review.reason}`}`,
    ),
    operation === null ? '' : renderOperation(operation, estimate, paint),
    request.hidden ? line('statement', 'not shown to this identity') : '',
  ].join('');
}

/** What a yes is worth. */
const WORTH: Readonly<Record<NonNullable<NonNullable<ApprovalInfo['operation']>['assurance']>, string>> = {
  enforced: 'enforced: what is approved is what happens',
  parsed: 'parsed: the target reads the text again, in its own way',
  observed: 'observed: that it begins is approved; what is done in it is recorded, and not decided on',
};

function renderOperation(operation: NonNullable<ApprovalInfo['operation']>, estimate: ApprovalInfo['estimate'], paint: ChalkInstance): string {
  const line = (name: string, value: string): string => (value === '' ? '' : `${paint.dim(name.padEnd(11))}${visible(value)}\n`);
  const text = statementText(operation.text, operation.language, paint);
  // One line each: a line break in a value must not look like the next parameter.
  const parameters = (operation.parameters ?? []).map(
    ({ form, value, type }, index) =>
      `  $${index + 1} = ${form === 'null' ? 'NULL' : form === 'hex' ? `bytes ${visible(value)}` : `'${visible(value)}'`}${type === null ? '' : paint.dim(` (type ${visible(type)})`)}\n`,
  );
  return [
    line('effect', operation.summary),
    line('touches', operation.resources.join(', ')),
    line('not known', operation.unknown.join('; ')),
    operation.assurance === undefined ? '' : line('assurance', WORTH[operation.assurance]),
    ...(operation.clears ?? []).map((each) => line('IN CLEAR', `${each.column} (${shownOf(each)}, by mask ${each.rules.join(', ')})`)),
    estimate === null ? '' : line('expected', expected(estimate)),
    operation.redacted === null ? '' : line('note', 'the text holds a secret; it is not shown, and neither are parameters, if there are any'),
    `\n${text
      .split('\n')
      .map((each) => `  ${each}\n`)
      .join('')}`,
    parameters.length === 0 ? '' : paint.dim('parameters\n'),
    ...parameters,
  ].join('');
}

function expected({ rows, exactRows, cost, note }: NonNullable<ApprovalInfo['estimate']>): string {
  const parts = [
    exactRows === null ? '' : `${counted(exactRows, 'row')}, counted`,
    rows === null ? '' : `about ${counted(rows, 'row')} by the target's own guess`,
    cost === null ? '' : `cost ${cost}`,
    note ?? '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}
