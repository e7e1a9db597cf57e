/** The calls of the API that end records or keep them: erasure, legal holds, retention. Part of `GatewayClient`, which gives it its way to the gateway. */
import type { EraseReply, HoldList } from '../contract/api-types.js';
import type { GwError } from '../contract/gw-error.js';
import type { Hold } from '../contract/record-keeping.js';
import type { RetentionReport, RetentionState } from '../contract/retention.js';

export interface RecordKeepingCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly timeout?: number;
}

/** The state database is rewritten, or all logs are read, meanwhile. */
const LONG_MS = 15 * 60_000;

export class RecordKeepingClient {
  readonly #call: (call: RecordKeepingCall) => Promise<Record<string, unknown>>;
  readonly #unexpected: (field: string) => GwError;

  /** @param call with the login of the user @param unexpected the error for an answer that the gateway should not give */
  constructor(call: (call: RecordKeepingCall) => Promise<Record<string, unknown>>, unexpected: (field: string) => GwError) {
    this.#call = call;
    this.#unexpected = unexpected;
  }

  /** Ends the content of a session for ever. */
  async erase(id: string, reason: string): Promise<EraseReply> {
    const path = `/api/v1/sessions/${encodeURIComponent(id)}/erase`;
    const answer = await this.#call({ method: 'POST', path, body: { reason }, timeout: LONG_MS });
    if (answer['state'] !== 'erased' && answer['state'] !== 'erased-before') throw this.#unexpected('state');
    return answer as unknown as EraseReply;
  }

  /** Legal holds, the newest first; `all`: those that were released too. */
  async holds(all: boolean): Promise<HoldList> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/holds', query: { all: String(all) } });
    if (!Array.isArray(answer['holds'])) throw this.#unexpected('holds');
    return { holds: answer['holds'] as Hold[] };
  }

  async addHold(hold: Pick<Hold, 'scope' | 'value' | 'issuer' | 'reason'>): Promise<Hold> {
    return this.#hold(await this.#call({ method: 'POST', path: '/api/v1/holds', body: hold }));
  }

  async releaseHold(id: string, reason: string): Promise<Hold> {
    return this.#hold(await this.#call({ method: 'POST', path: `/api/v1/holds/${encodeURIComponent(id)}/release`, body: { reason } }));
  }

  /** How long records are kept, and what is over. */
  async retention(): Promise<RetentionState> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/retention', timeout: LONG_MS });
    if (typeof answer['rules'] !== 'object' || typeof answer['due'] !== 'object') throw this.#unexpected('retention');
    return answer as unknown as RetentionState;
  }

  async runRetention(dryRun: boolean): Promise<RetentionReport> {
    const answer = await this.#call({ method: 'POST', path: '/api/v1/retention/run', body: { dryRun }, timeout: LONG_MS });
    if (typeof answer['recordings'] !== 'number' || !Array.isArray(answer['expired'])) throw this.#unexpected('retention');
    return answer as unknown as RetentionReport;
  }

  #hold(answer: Record<string, unknown>): Hold {
    for (const field of ['id', 'scope', 'value']) if (typeof answer[field] !== 'string') throw this.#unexpected(`hold.${field}`);
    return answer as unknown as Hold;
  }
}
