/**
 * Steps that were not taken. An entry is written before its step is taken, and only `api.denied` with the same `request` in the same log says that it
 * was not in the end: in a search it comes first, in a tail last.
 */
import type { AuditQuery } from '../../client/gateway-client.js';
import { type AuditEntry, isKindOf } from '../../contract/audit-entry.js';

export const DENIED = 'api.denied';
/** Calls that a tail remembers. */
const REMEMBERED = 10_000;
/** A call is denied within this time after its step. */
export const CALL_MS = 60_000;

export class RefusedSteps {
  readonly #codes = new Map<string, string>();
  readonly #steps = new Map<string, AuditEntry>();

  constructor(entries: Iterable<AuditEntry> = []) {
    for (const entry of entries) this.see(entry);
  }

  see(entry: AuditEntry): void {
    const call = callOf(entry);
    if (call === null) return;
    if (entry.kind !== DENIED) remember(this.#steps, call, entry);
    else if (typeof entry.data['code'] === 'string') remember(this.#codes, call, entry.data['code']);
  }

  /** The code with which this step was refused; null: nothing that was seen says so. */
  codeOf(entry: AuditEntry): string | null {
    const call = callOf(entry);
    return call === null || entry.kind === DENIED ? null : (this.#codes.get(call) ?? null);
  }

  /** `approval.approve of apr_… was not taken`; null: `entry` refuses nothing that was seen. */
  deniedText(entry: AuditEntry): string | null {
    const call = callOf(entry);
    const step = call === null || entry.kind !== DENIED ? undefined : this.#steps.get(call);
    if (step === undefined) return null;
    const { approval } = step.data;
    return `${step.kind}${typeof approval === 'string' ? ` of ${approval}` : ''} was not taken`;
  }

  /** Steps of approvals on a page, newest first, that an entry beyond the page may refuse. */
  unsettled(page: readonly AuditEntry[], query: AuditQuery, continued: boolean): AuditEntry[] {
    const hidden = leavesOutDenials(query);
    const newest = Date.parse(page[0]?.time ?? '');
    return page.filter(
      (entry) =>
        /^(approval|grant)\./.test(entry.kind) &&
        callOf(entry) !== null &&
        this.codeOf(entry) === null &&
        (hidden || (continued && newest - Date.parse(entry.time) < CALL_MS)),
    );
  }
}

/** A denial has neither a target nor a session, and of what a step says only the request for approval and the call. */
export const leavesOutDenials = ({ kind, target, session, text }: AuditQuery): boolean =>
  target !== undefined || session !== undefined || !isKindOf(DENIED, kind ?? []) || (text !== undefined && !/^(apr|req)_/i.test(text));

/** What a person did through the API; null: any other entry. */
function callOf({ log, data }: AuditEntry): string | null {
  const { request, actorSubject } = data;
  return typeof request === 'string' && typeof actorSubject === 'string' ? `${log} ${request}` : null;
}

function remember<T>(map: Map<string, T>, call: string, value: T): void {
  map.set(call, value);
  const [oldest] = map.keys();
  if (map.size > REMEMBERED && oldest !== undefined) map.delete(oldest);
}
