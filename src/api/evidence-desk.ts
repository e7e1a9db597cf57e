/** What the API needs to hand out evidence: makes packs of a period or of a session. */
import type { EvidenceScope } from '../contract/evidence-types.js';

export interface EvidenceDesk {
  /**
   * The frames of a pack, from when its first file has begun on. @param request id of the call, for the record
   * @param left aborted when nobody waits any more: the making stops at once, and the frames end
   * @throws GwError `evidence.open` | `evidence.busy` | `audit.invalid` | `audit.unknown` | `recording.failed`
   */
  export(scope: EvidenceScope, request: string, left: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}
