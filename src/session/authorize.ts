/** Stage 3: an identity and a target become a `Grant` when connect policy says so. Only this file can build one. Deny by default. */
import type { ApprovalRecord } from '../contract/approval.js';
import type { ClientRecordingDoor } from '../contract/client-recording.js';
import { type Decision, type PolicySource, whyOf } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { Target } from '../contract/target.js';
import type { Authenticated, Grant } from '../contract/verdict.js';
import { requireAuthenticated } from './authenticate.js';
import { standOnApproval } from './stand-on-approval.js';

class IssuedGrant {
  readonly #issued = true;
  readonly identity: Identity;
  readonly target: Target;
  readonly decision: Decision;

  constructor(identity: Identity, target: Target, decision: Decision) {
    this.identity = identity;
    this.target = target;
    this.decision = decision;
  }

  static is(value: object): boolean {
    return #issued in value;
  }
}

/** Everything that a grant needs, but for the people who must be asked first. No proof of anything. */
export class AwaitedGrant {
  readonly identity: Identity;
  readonly target: Target;
  readonly decision: Decision;

  constructor(authenticated: Authenticated, target: Target, decision: Decision) {
    this.identity = authenticated.identity;
    this.target = target;
    this.decision = decision;
  }
}

type Opened = Pick<AwaitedGrant, 'target' | 'decision'>;

/** The account at the target that a session is opened as. */
export const accountOf = ({ target, decision }: Opened): string => decision.account ?? target.account;

/** The same where it is not the one of the configuration; null: it is that one. */
export const foreignAccount = (opened: Opened): string | null => (accountOf(opened) === opened.target.account ? null : accountOf(opened));

/** Throws unless `value` was built here. */
export function requireGrant(value: Grant): void {
  if (!IssuedGrant.is(value)) throw new GwError('internal.error', 'A target was to be dialled without a grant.');
}

/**
 * `account`: at the target, as the client names it; null: it names none.
 * @throws GwError `target.unknown` for a target that does not exist or speaks another protocol — the same words as for one that may not be
 * seen — and `policy.connect_denied` with the rule.
 */
export function authorize(
  authenticated: Authenticated,
  name: string,
  account: string | null,
  protocol: string | null,
  targets: { get(name: string): Target | undefined },
  policy: PolicySource,
): Grant | AwaitedGrant {
  requireAuthenticated(authenticated);
  const target = targets.get(name);
  if (target === undefined || (protocol !== null && target.protocol !== protocol))
    throw new GwError('target.unknown', `There is no target "${printable(name)}" here.`);
  const decision = policy.current().view(authenticated.identity, target).connect(account);
  if (decision.effect === 'require_approval') return new AwaitedGrant(authenticated, target, decision);
  if (decision.effect !== 'allow') throw denied(authenticated.identity, target, decision);
  return new IssuedGrant(authenticated.identity, target, decision) as unknown as Grant;
}

/**
 * People let it be, under the policy that `awaited` was decided by. The policy in force now has the last word. `at`: milliseconds since the epoch.
 * @throws GwError `policy.connect_denied` | `approval.stale`
 */
export function admit(awaited: AwaitedGrant, approval: ApprovalRecord, policy: PolicySource, at: number): Grant {
  const { identity, target } = awaited;
  const decision = policy.current().view(identity, target).connect(accountOf(awaited));
  if (decision.effect === 'deny') throw denied(identity, target, decision);
  const { requester } = approval;
  const elsewhere = approval.target !== target.name || (approval.account !== undefined && approval.account !== foreignAccount(awaited));
  if (requester.issuer !== identity.issuer || requester.subject !== identity.subject || elsewhere)
    throw new GwError('internal.error', 'An approval was to be used for somebody or something else.');
  const standing = standOnApproval(awaited.decision, approval, decision, at);
  if (standing === null) throw new GwError('approval.stale', 'The policy changed since this was asked.', { hint: 'Connect again.' });
  return new IssuedGrant(identity, target, standing) as unknown as Grant;
}

/**
 * Whether the client records its side as policy wants it, and under an id that was given to it.
 * @throws GwError `recording.required` | `recording.unknown`
 */
export async function requireRecording(
  { identity, target, decision }: Pick<AwaitedGrant, 'identity' | 'target' | 'decision'>,
  recording: string | null,
  recordings: ClientRecordingDoor,
): Promise<void> {
  if (recording !== null) await recordings.admit(recording, identity, target.name);
  else if (decision.record === 'client')
    throw new GwError('recording.required', `Policy opens sessions on ${target.name} only for a client that records its terminal.`);
}

function denied(identity: Identity, target: Target, decision: Decision): GwError {
  return new GwError('policy.connect_denied', `Policy does not let ${identity.name} connect to ${target.name}: ${whyOf(decision)}.`, {
    detail: { rule: decision.rule, policy: decision.policy },
    ...(decision.hint === null ? {} : { hint: decision.hint }),
  });
}

/** A name from the wire, fit to be said back: printable ASCII, short. */
function printable(text: string): string {
  return text.slice(0, 63).replaceAll(/[^\x20-\x7e]/g, '?');
}
