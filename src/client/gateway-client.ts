/**
 * The gateway's HTTP API, typed. One method for each call that a command makes; nothing here prints, prompts or reads configuration.
 * The token comes from a source at each call, because it may be renewed while a command runs. Answers are checked for the shape that
 * the code relies on; a gateway that answers otherwise is reported, not trusted.
 */
import type {
  ApprovalInfo,
  ApprovalList,
  AuditEntryList,
  AuditLogList,
  AuthorityList,
  ClientRecording,
  ClientRecordingBegun,
  ExportFormat,
  IssuedCertificate,
  KillReply,
  LoginInfo,
  NewApproval,
  OperationList,
  SessionDetail,
  SessionList,
  SinkStatus,
  SubjectRecord,
  TargetInfo,
  WhoAmI,
} from '../contract/api-types.js';
import type { EvidenceExport, EvidenceScope } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import type { InheritedTagList } from '../contract/inherited-tags.js';
import type { MaskingScan } from '../contract/masking-policy.js';
import type { PolicyExplanation, PolicyFile, PolicySimulation, PolicyText } from '../contract/policy-types.js';
import { readAnswer } from './api-answer.js';
import { type PackOutput, readEvidenceFrames } from './evidence-frames.js';
import { failedChecks } from './failed-checks.js';
import { type HttpRequest, type HttpResponse, type HttpsTransport, placeOf } from './https-transport.js';
import { RecordKeepingClient } from './record-keeping-client.js';
import type { TokenSource } from './token-source.js';

/** A replay of the journals of months takes its time. */
const SIMULATION_MS = 15 * 60_000;
const SCAN_MS = 11 * 60_000;
/** Longest silence while a gateway reads what a pack is made of. */
const EVIDENCE_SILENCE = 10 * 60_000;
/** Pieces of an error that are looked at. */
const ERROR_PIECES = 64;

export interface SessionQuery {
  readonly state?: 'live' | 'ended' | undefined;
  readonly target?: string | undefined;
  readonly name?: string | undefined;
  readonly kind?: string | undefined;
  readonly onBehalfOf?: string | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly relation?: string | undefined;
  readonly verdict?: string | undefined;
  readonly action?: string | undefined;
  readonly masked?: string | undefined;
  readonly approval?: string | undefined;
  readonly limit?: number | undefined;
  readonly before?: string | undefined;
}

export type RequestQuery = {
  readonly for?: 'mine' | 'me' | 'all' | undefined;
  readonly state?: readonly string[] | undefined;
  readonly target?: string | undefined;
  readonly session?: readonly string[] | undefined;
  readonly before?: string | undefined;
  readonly limit?: number | undefined;
  readonly since?: string | undefined;
  /** Seconds. */
  readonly wait?: number | undefined;
};

export interface AuditQuery {
  readonly kind?: readonly string[] | undefined;
  readonly subject?: string | undefined;
  readonly target?: string | undefined;
  readonly session?: string | undefined;
  readonly text?: string | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface Health {
  readonly live: boolean;
  readonly ready: boolean;
  /** What its checks say; a check that fails here need not keep it from being ready. */
  readonly problems: readonly string[];
  /** The gateway's `Date` header, milliseconds since the epoch; null when it sent none. */
  readonly date: number | null;
  readonly tls: HttpResponse['tls'];
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly body?: object;
  readonly timeout?: number;
  /** Null: no authentication. */
  readonly token: string | null;
}

export class GatewayClient {
  readonly gateway: URL;
  readonly #transport: HttpsTransport;
  readonly #source: TokenSource | null;

  constructor(gateway: URL, transport: HttpsTransport, source: TokenSource | null) {
    this.gateway = gateway;
    this.#transport = transport;
    this.#source = source;
  }

  /** What a client must know to log in. Needs no login. */
  async loginInfo(): Promise<LoginInfo> {
    const info = await this.#call({ method: 'GET', path: '/api/v1/login', token: null });
    for (const field of ['gateway', 'version', 'issuer', 'clientId', 'audience']) if (typeof info[field] !== 'string') throw this.#unexpected(`login.${field}`);
    if (!isArray(info['scopes'])) throw this.#unexpected('login.scopes');
    return info as unknown as LoginInfo;
  }

  async whoAmI(): Promise<WhoAmI> {
    const who = await this.#call({ method: 'GET', path: '/api/v1/whoami', token: await this.#token() });
    if (typeof who['subject'] !== 'string' || typeof who['name'] !== 'string') throw this.#unexpected('whoami');
    return who as unknown as WhoAmI;
  }

  async targets(): Promise<readonly TargetInfo[]> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/targets', token: await this.#token() });
    return this.#list<TargetInfo>(answer, 'targets');
  }

  /** A certificate of this login for a key, for clients without gw. @param targets left out: all that can be reached */
  async certify(request: { readonly protocol: string; readonly publicKey: string; readonly targets?: readonly string[] }): Promise<IssuedCertificate> {
    const answer = await this.#call({ method: 'POST', path: '/api/v1/certificates', body: request, token: await this.#token() });
    return answer as unknown as IssuedCertificate;
  }

  async authorities(): Promise<AuthorityList['authorities']> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/certificates/authorities', token: await this.#token() });
    return this.#list(answer, 'authorities');
  }

  /** Newest first; `next` continues as `before`. */
  async sessions(query: SessionQuery): Promise<SessionList> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/sessions', query: { ...query }, token: await this.#token() });
    return { sessions: this.#list(answer, 'sessions'), next: typeof answer['next'] === 'string' ? answer['next'] : null, ...notesOf(answer) };
  }

  /** One page of the operations; `next` continues as `after`. */
  async session(id: string, page: { readonly after?: number; readonly limit?: number } = {}): Promise<SessionDetail> {
    const path = `/api/v1/sessions/${encodeURIComponent(id)}`;
    const detail = await this.#call({ method: 'GET', path, query: page, token: await this.#token() });
    if (typeof detail['session'] !== 'object' || !isArray(detail['operations'])) throw this.#unexpected('session');
    return detail as unknown as SessionDetail;
  }

  async beginRecording(targets: readonly string[]): Promise<ClientRecordingBegun> {
    const begun = await this.#call({ method: 'POST', path: '/api/v1/recordings', body: { targets }, token: await this.#token() });
    if (typeof begun['id'] !== 'string' || typeof begun['key'] !== 'string') throw this.#unexpected('recording');
    return begun as unknown as ClientRecordingBegun;
  }

  async recordings(query: { readonly limit?: number; readonly mine?: boolean } = {}): Promise<readonly ClientRecording[]> {
    const { limit, mine = false } = query;
    const answer = await this.#call({ method: 'GET', path: '/api/v1/recordings', query: { limit, mine: String(mine) }, token: await this.#token() });
    return this.#list<ClientRecording>(answer, 'recordings');
  }

  recording(id: string): Promise<ClientRecording> {
    return this.#recording({ method: 'GET', path: `/api/v1/recordings/${encodeURIComponent(id)}` });
  }

  /** Gives how many bytes are there now. @throws GwError `recording.upload` when the piece does not continue what is there */
  async uploadRecording(id: string, offset: number, bytes: Buffer): Promise<number> {
    const answer = await this.#call({
      method: 'POST',
      path: `/api/v1/recordings/${encodeURIComponent(id)}/pieces`,
      body: { offset, bytes: bytes.toString('base64') },
      token: await this.#token(),
    });
    if (typeof answer['received'] !== 'number') throw this.#unexpected('recording.received');
    return answer['received'];
  }

  /** All of it is there; gives how it was judged. */
  endRecording(id: string, bytes: number, digest: string): Promise<ClientRecording> {
    return this.#recording({ method: 'POST', path: `/api/v1/recordings/${encodeURIComponent(id)}/end`, body: { bytes, digest } });
  }

  async #recording(call: Pick<Call, 'method' | 'path' | 'body'>): Promise<ClientRecording> {
    const recording = await this.#call({ ...call, token: await this.#token() });
    if (typeof recording['id'] !== 'string' || typeof recording['received'] !== 'number') throw this.#unexpected('recording');
    return recording as unknown as ClientRecording;
  }

  async operations(query: {
    readonly q: string;
    readonly limit: number;
    readonly before?: string | undefined;
    readonly mine: boolean;
  }): Promise<OperationList> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/operations', query: { ...query, mine: String(query.mine) }, token: await this.#token() });
    return { operations: this.#list(answer, 'operations'), next: typeof answer['next'] === 'string' ? answer['next'] : null, ...notesOf(answer) };
  }

  /**
   * The whole record of a session, as it comes. The text is in the format asked for; its end says whether the record is intact.
   * @throws GwError what the gateway said; reading on rejects with `gateway.unreachable` when the answer is cut off
   */
  exportSession(id: string, format: ExportFormat): Promise<AsyncIterable<Buffer>> {
    return this.#stream(`/api/v1/sessions/${encodeURIComponent(id)}/export`, { format });
  }

  /** What a client recorded, as an asciicast. @throws as `exportSession` */
  exportRecording(id: string): Promise<AsyncIterable<Buffer>> {
    return this.#stream(`/api/v1/recordings/${encodeURIComponent(id)}/cast`, {});
  }

  /** A live session as an asciicast that goes on until the session ends. @throws as `exportSession` */
  watchSession(id: string): Promise<AsyncIterable<Buffer>> {
    return this.#stream(`/api/v1/sessions/${encodeURIComponent(id)}/watch`, {});
  }

  /**
   * An evidence pack: its files go to `out` as the gateway makes them.
   * @throws GwError what the gateway said; `gateway.unreachable` when it is not whole
   */
  async exportEvidence(scope: EvidenceScope, out: PackOutput, progress: (what: string, part: number) => void): Promise<EvidenceExport> {
    const { framework, from, to, session, nonce, sample } = scope;
    const query = {
      framework,
      nonce,
      sample: String(sample),
      ...(from === null ? {} : { from: new Date(from).toISOString() }),
      ...(to === null ? {} : { to: new Date(to).toISOString() }),
      ...(session === null ? {} : { session }),
    };
    return readEvidenceFrames(await this.#stream('/api/v1/evidence', query, EVIDENCE_SILENCE), out, progress);
  }

  async #stream(path: string, query: NonNullable<Call['query']>, timeout?: number): Promise<AsyncIterable<Buffer>> {
    const { status, headers, body } = await this.#transport.stream({
      ...this.#requestOf({ method: 'GET', path, query, token: await this.#token() }),
      ...(timeout === undefined ? {} : { timeout }),
    });
    if (status === 200) return this.#piecesOf(body);
    const pieces: Buffer[] = [];
    for await (const piece of this.#piecesOf(body)) if (pieces.length < ERROR_PIECES) pieces.push(piece);
    readAnswer({ status, headers, body: Buffer.concat(pieces), tls: null }, placeOf(this.gateway));
    throw this.#unexpected(path);
  }

  async *#piecesOf(body: AsyncIterable<unknown>): AsyncGenerator<Buffer, void> {
    try {
      for await (const piece of body) yield piece as Buffer;
    } catch (cause) {
      throw cause instanceof GwError
        ? cause
        : new GwError('gateway.unreachable', 'The answer of the gateway was cut off: what came of it is not whole.', { cause });
    }
  }

  /** Entries of the audit log, newest first. For auditors. */
  async auditEntries(query: AuditQuery & { readonly limit: number; readonly before?: string | undefined }): Promise<AuditEntryList> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/audit/entries', query: { ...query }, token: await this.#token() });
    const { next } = answer;
    return { entries: this.#list(answer, 'entries'), next: typeof next === 'string' ? next : null, missing: this.#list(answer, 'missing') };
  }

  /** The last entries of the audit log, then each as it comes, one JSON document a line; never ends by itself. @throws as `exportSession` */
  followAudit(query: AuditQuery & { readonly last: number }): Promise<AsyncIterable<Buffer>> {
    return this.#stream('/api/v1/audit/entries/tail', { ...query });
  }

  async auditLogs(): Promise<AuditLogList> {
    const answer = await this.#call({ method: 'GET', path: '/api/v1/audit/logs', token: await this.#token() });
    const { rotations } = answer;
    if (typeof rotations !== 'number') throw this.#unexpected('rotations');
    return { logs: this.#list(answer, 'logs'), rotations };
  }

  /** A file of the logs, at most `limit` bytes; null: it is not there, or not any more. */
  async auditFile(path: string, limit: number): Promise<Buffer | null> {
    const response = await this.#send({ method: 'GET', path: `/api/v1/audit/logs/${path}`, token: await this.#token() });
    if (response.status === 404) return null;
    if (response.status !== 200) readAnswer(response, placeOf(this.gateway));
    if (response.status !== 200 || response.body.length > limit) throw this.#unexpected(path);
    return response.body;
  }

  async sinks(): Promise<readonly SinkStatus[]> {
    return this.#list<SinkStatus>(await this.#call({ method: 'GET', path: '/api/v1/audit/sinks', token: await this.#token() }), 'sinks');
  }

  async kill(id: string, reason: string): Promise<KillReply> {
    const path = `/api/v1/sessions/${encodeURIComponent(id)}/kill`;
    const answer = await this.#call({ method: 'POST', path, body: { reason }, token: await this.#token() });
    if (answer['state'] !== 'ending' && answer['state'] !== 'ended') throw this.#unexpected('state');
    return { session: id, state: answer['state'] };
  }

  /** Erasure, legal holds, retention. */
  get recordKeeping(): RecordKeepingClient {
    return new RecordKeepingClient(
      async (call) => this.#call({ ...call, token: await this.#token() }),
      (field) => this.#unexpected(field),
    );
  }

  /** Extends a live session with the fresh token given. Returns its new end, milliseconds since the epoch. */
  async renew(id: string, token: string): Promise<number> {
    const answer = await this.#call({ method: 'POST', path: `/api/v1/sessions/${encodeURIComponent(id)}/renew`, token });
    const expiresAt = typeof answer['expiresAt'] === 'string' ? Date.parse(answer['expiresAt']) : Number.NaN;
    if (Number.isNaN(expiresAt)) throw this.#unexpected('expiresAt');
    return expiresAt;
  }

  /** Requests for approval, newest first. With `since` and `wait` the answer comes when the list differs from that one. */
  async requests(query: RequestQuery): Promise<ApprovalList> {
    return this.#approvals('/api/v1/requests', query);
  }

  async request(id: string): Promise<ApprovalInfo> {
    return this.#approval({ method: 'GET', path: `/api/v1/requests/${encodeURIComponent(id)}`, token: await this.#token() });
  }

  async createRequest(body: NewApproval): Promise<ApprovalInfo> {
    return this.#approval({ method: 'POST', path: '/api/v1/requests', body, token: await this.#token() });
  }

  /** `digest`: of what was shown; the approval is good for that alone. */
  async approve(id: string, body: { readonly digest: string; readonly target: string | null; readonly reason: string }): Promise<ApprovalInfo> {
    return this.#approval({ method: 'POST', path: `/api/v1/requests/${encodeURIComponent(id)}/approve`, body, token: await this.#token() });
  }

  async deny(id: string, reason: string): Promise<ApprovalInfo> {
    return this.#approval({ method: 'POST', path: `/api/v1/requests/${encodeURIComponent(id)}/deny`, body: { reason }, token: await this.#token() });
  }

  async cancelRequest(id: string, reason: string): Promise<ApprovalInfo> {
    return this.#approval({ method: 'POST', path: `/api/v1/requests/${encodeURIComponent(id)}/cancel`, body: { reason }, token: await this.#token() });
  }

  async grants(query: { readonly for?: 'mine' | 'all' | undefined; readonly target?: string | undefined }): Promise<ApprovalList> {
    return this.#approvals('/api/v1/grants', query);
  }

  async revokeGrant(id: string, reason: string): Promise<ApprovalInfo> {
    return this.#approval({ method: 'POST', path: `/api/v1/grants/${encodeURIComponent(id)}/revoke`, body: { reason }, token: await this.#token() });
  }

  async #approvals(path: string, query: NonNullable<Call['query']>): Promise<ApprovalList> {
    const answer = await this.#call({ method: 'GET', path, query, token: await this.#token() });
    const { next, state } = answer;
    return { requests: this.#list(answer, 'requests'), next: typeof next === 'string' ? next : null, state: typeof state === 'string' ? state : '' };
  }

  async #approval(call: Call): Promise<ApprovalInfo> {
    const answer = await this.#call(call);
    for (const field of ['id', 'state', 'digest', 'target']) if (typeof answer[field] !== 'string') throw this.#unexpected(`request.${field}`);
    return answer as unknown as ApprovalInfo;
  }

  async users(): Promise<readonly SubjectRecord[]> {
    return this.#list<SubjectRecord>(await this.#call({ method: 'GET', path: '/api/v1/users', token: await this.#token() }), 'users');
  }

  async setLocked(user: { readonly issuer: string; readonly subject: string }, locked: boolean, reason: string): Promise<void> {
    await this.#call({ method: 'POST', path: `/api/v1/users/${locked ? 'lock' : 'unlock'}`, body: { ...user, reason }, token: await this.#token() });
  }

  /** Null: the policy in force. */
  async policyText(digest: string | null): Promise<PolicyText> {
    const path = digest === null ? '/api/v1/policy' : `/api/v1/policies/${encodeURIComponent(digest)}`;
    const answer = await this.#call({ method: 'GET', path, token: await this.#token() });
    if (typeof answer['digest'] !== 'string' || !isArray(answer['files'])) throw this.#unexpected('policy');
    return answer as unknown as PolicyText;
  }

  async explainPolicy(question: {
    readonly as?: string;
    readonly target: string;
    readonly account?: string;
    readonly statement?: string;
    readonly reason?: boolean;
  }): Promise<PolicyExplanation> {
    const answer = await this.#call({ method: 'POST', path: '/api/v1/policy/explain', body: question, token: await this.#token() });
    if (typeof answer['decision'] !== 'object' || !isArray(answer['effects'])) throw this.#unexpected('effects');
    return answer as unknown as PolicyExplanation;
  }

  async scanForTags(target: string, options: { readonly scope?: string; readonly rows?: number }): Promise<MaskingScan> {
    const answer = await this.#call({
      method: 'POST',
      path: `/api/v1/targets/${encodeURIComponent(target)}/masking-scan`,
      body: options,
      timeout: SCAN_MS,
      token: await this.#token(),
    });
    if (typeof answer['columns'] !== 'number' || !isArray(answer['proposals'])) throw this.#unexpected('proposals');
    return answer as unknown as MaskingScan;
  }

  async inheritedTags(target: string): Promise<InheritedTagList> {
    const answer = await this.#call({ method: 'GET', path: `/api/v1/targets/${encodeURIComponent(target)}/inherited-tags`, token: await this.#token() });
    if (!isArray(answer['tags'])) throw this.#unexpected('tags');
    return answer as unknown as InheritedTagList;
  }

  async simulatePolicy(files: readonly PolicyFile[], since: string): Promise<PolicySimulation> {
    const answer = await this.#call({
      method: 'POST',
      path: '/api/v1/policy/simulate',
      body: { files, since },
      timeout: SIMULATION_MS,
      token: await this.#token(),
    });
    if (typeof answer['operations'] !== 'number' || !isArray(answer['changes'])) throw this.#unexpected('changes');
    return answer as unknown as PolicySimulation;
  }

  /** @throws GwError only when the gateway cannot be reached or is not trusted; not ready is an answer. */
  async health(): Promise<Health> {
    const live = await this.#send({ method: 'GET', path: '/healthz', token: null });
    const ready = await this.#send({ method: 'GET', path: '/readyz', token: null });
    const date = Date.parse(live.headers.date ?? '');
    return {
      live: live.status === 200,
      ready: ready.status === 200,
      problems: failedChecks(ready.body),
      date: Number.isNaN(date) ? null : date,
      tls: live.tls,
    };
  }

  #list<T>(answer: Record<string, unknown>, field: string): readonly T[] {
    const list = answer[field];
    if (!isArray(list)) throw this.#unexpected(field);
    return list as readonly T[];
  }

  async #token(): Promise<string> {
    if (this.#source === null) throw new GwError('login.required', `There is no login for ${this.gateway.origin}.`);
    return (await this.#source.token()).secret.expose();
  }

  async #call(call: Call): Promise<Record<string, unknown>> {
    return readAnswer(await this.#send(call), placeOf(this.gateway));
  }

  #send(call: Call): Promise<HttpResponse> {
    return this.#transport.request(this.#requestOf(call));
  }

  #requestOf(call: Call): HttpRequest {
    const url = new URL(call.path, this.gateway);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (typeof value === 'string' || typeof value === 'number') url.searchParams.set(name, String(value));
      else for (const each of value ?? []) url.searchParams.append(name, each);
    }
    return {
      method: call.method,
      url,
      headers: {
        ...(call.token === null ? {} : { authorization: `Bearer ${call.token}` }),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      ...(call.timeout === undefined ? {} : { timeout: call.timeout }),
    };
  }

  #unexpected(field: string): GwError {
    return new GwError(
      'gateway.unreachable',
      `The gateway at ${placeOf(this.gateway)} gave an answer that this version of gw does not understand (${field}).`,
      {
        hint: 'Run `gw doctor`: it compares the versions of gw and of the gateway.',
      },
    );
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function notesOf({ notes }: Record<string, unknown>): { readonly notes?: readonly string[] } {
  return isArray(notes) && notes.length > 0 ? { notes: notes.map(String) } : {};
}
