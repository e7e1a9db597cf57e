/** How a request that did not lead to an approval is told to whoever asked. Pure; names people, never a statement. */
import type { ApprovalRecord } from '../contract/approval.js';
import { GwError } from '../contract/gw-error.js';

/** `record` is not pending, and its approval (if there was one) cannot be used by who asks now. */
export function refusalOf(record: ApprovalRecord): GwError {
  const { id, ended } = record;
  const detail = { request: id };
  const why = ended === null || ended.why === '' ? '' : `: ${ended.why}`;
  switch (record.state) {
    case 'denied':
      return new GwError('approval.denied', `${ended?.by?.name ?? 'Somebody'} denied ${id}${why}.`, { detail });
    case 'expired':
      return new GwError('approval.expired', `Nobody approved ${id} in time.`, { detail });
    case 'cancelled':
    case 'revoked':
      return new GwError('approval.cancelled', `${id} was ${record.state}${why}.`, { detail });
    case 'used':
      return new GwError('approval.decided', `The approval ${id} has been used already.`, { detail, hint: 'Ask again: an approval is good for one time.' });
    case 'pending':
    case 'approved':
      return new GwError('approval.stale', `What ${id} was asked for is not what would be carried out now.`, { detail });
  }
}

export function waitingOf(record: ApprovalRecord): GwError {
  const until = new Date(record.expiresAt).toISOString();
  return new GwError('approval.pending', `This waits for approval by ${record.demand.groups.join(', ')} as ${record.id}, until ${until}.`, {
    detail: { request: record.id },
    hint: `Run it again once it is approved. \`gw request show ${record.id}\` says how it stands.`,
  });
}
