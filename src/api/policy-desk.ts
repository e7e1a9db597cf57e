/** What the API asks about policies. Port; the composition root answers, because texts, journals and islands come together there. */
import type { Identity } from '../contract/identity.js';
import type { PolicyExplanation, PolicyFile, PolicySimulation, PolicyText } from '../contract/policy-types.js';
import type { Target } from '../contract/target.js';

export interface PolicyDesk {
  /** Null: the policy in force. @throws GwError `policy.unknown` */
  text(digest: string | null): Promise<PolicyText>;
  /** Null statement: opening a session. @throws GwError `usage.invalid` */
  explain(identity: Identity, target: Target, statement: string | null, account: string | null): Promise<Omit<PolicyExplanation, 'notes' | 'masking'>>;
  /** The digest of a candidate. @throws GwError `policy.invalid` */
  check(files: readonly PolicyFile[]): string;
  /** Replays what the journals of this gateway hold. @throws GwError `policy.invalid` | `session.limit` (another one runs) */
  simulate(files: readonly PolicyFile[], since: number): Promise<PolicySimulation>;
}
