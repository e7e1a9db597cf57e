/** What the API needs to answer about masking; looks at targets in the name of the caller. */
import type { Secret } from '../base/secret.js';
import type { Identity } from '../contract/identity.js';
import type { InheritedTag } from '../contract/inherited-tags.js';
import type { MaskingExplanation, MaskingScan } from '../contract/masking-policy.js';
import type { Target } from '../contract/target.js';

export interface Asker {
  readonly token: Secret;
  readonly address: string;
}

export interface MaskingDesk {
  /** As `identity` would see the result, in a session with a reason or without one. Null: nothing of the target is tagged or looked for. */
  explain(asker: Asker, identity: Identity, target: Target, statement: string, reasoned: boolean): Promise<MaskingExplanation | null>;
  /** @throws GwError `policy.*` | `target.*` | `usage.invalid` */
  scan(asker: Asker, identity: Identity, target: Target, scope: string | null, rows: number): Promise<MaskingScan>;
  /** Of columns that inherited them, oldest first. @throws GwError `store.unavailable` */
  inherited(target: string): Promise<readonly InheritedTag[]>;
}
