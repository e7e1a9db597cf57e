/**
 * HTTP for the CLI: requests to the gateway and to the issuers it names, over `node:http(s)` because every millisecond before the
 * native client starts is felt. Certificates are checked against the authorities known for exactly that origin. Redirects are never
 * followed (a bearer token must not travel to a place that nobody named), plain HTTP only goes to this machine itself (a development
 * issuer), and answers are bounded in time and size: they are untrusted until parsed.
 */

import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { readLimited } from '../base/read-limited.js';
import { GwError } from '../contract/gw-error.js';
import { connectionError } from '../tunnel/connection-error.js';

/** Longest wait for a whole answer, milliseconds. */
const TIMEOUT = 20_000;
const MAX_BODY = 64 * 1024 * 1024;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  readonly signal?: AbortSignal | null;
  /** Milliseconds; where an answer takes longer than usual. */
  readonly timeout?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Facts of the connection for `gw doctor`; null over plain HTTP. */
  readonly tls: { readonly protocol: string; readonly validTo: string } | null;
}

/** An answer whose body is read as it comes. Not read to its end, it must be destroyed. */
export interface HttpStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

export interface TransportOptions {
  /** PEM of the authorities for an origin, or null for those of the system. */
  caFor(url: URL): string | null;
  readonly userAgent: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** How an address is named to people. */
export function placeOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port}`;
}

export class HttpsTransport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, Agent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws GwError `gateway.unreachable` | `gateway.untrusted` | `usage.invalid` (plain HTTP to another machine) */
  request(request: HttpRequest): Promise<HttpResponse> {
    const timeout = AbortSignal.timeout(request.timeout ?? this.#options.timeout ?? TIMEOUT);
    // Before the body ends: then the socket goes back to its pool.
    return this.#open(request, timeout, (response) => {
      const tls = tlsFacts(response);
      return readBody(response).then((body) => ({ status: response.statusCode ?? 0, headers: response.headers, body, tls }));
    });
  }

  /**
   * The same for an answer of any length: the time is that between two pieces of it, and it is not bounded in size.
   * @throws GwError as `request`; reading the body rejects when it stalls or is cut off
   */
  stream(request: HttpRequest): Promise<HttpStream> {
    const stalled = request.timeout ?? this.#options.timeout ?? TIMEOUT;
    return this.#open(request, stalled, (response) => Promise.resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response }));
  }

  /** `limit`: on the whole exchange, or, a number of milliseconds, on each silence in it. */

  #open<T>(request: HttpRequest, limit: AbortSignal | number, take: (response: IncomingMessage) => Promise<T>): Promise<T> {
    const { url } = request;
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname))) {
      return Promise.reject(new GwError('usage.invalid', `Refusing to talk to ${url.origin}: only https is used off this machine.`));
    }
    const whole = typeof limit === 'number' ? null : limit;
    const signals = [request.signal, whole].filter((signal) => signal !== null && signal !== undefined);
    const options = {
      method: request.method,
      headers: { 'user-agent': this.#options.userAgent, accept: 'application/json', ...request.headers },
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
    };
    const what = `${placeOf(url)}`;
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        if (whole?.aborted === true) reject(new GwError('gateway.unreachable', `Could not reach ${what}: it did not answer in time.`, { cause }));
        else if (request.signal?.aborted === true) reject(request.signal.reason);
        else reject(cause instanceof GwError ? cause : connectionError(cause, what));
      };
      const receive = (response: IncomingMessage): void => {
        take(response).then(resolve, fail);
      };
      const outgoing = url.protocol === 'https:' ? httpsRequest(url, { ...options, agent: this.#agent(url) }, receive) : httpRequest(url, options, receive);
      outgoing.on('error', fail);
      if (typeof limit === 'number')
        outgoing.setTimeout(limit, () => outgoing.destroy(new GwError('gateway.unreachable', `${what} did not answer, or stopped answering, in time.`)));
      outgoing.end(request.body ?? undefined);
    });
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agent(url: URL): Agent {
    let agent = this.#agents.get(url.origin);
    if (agent === undefined) {
      const ca = this.#options.caFor(url);
      agent = new Agent({ keepAlive: true, maxSockets: 4, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'], ...(ca === null ? {} : { ca }) });
      this.#agents.set(url.origin, agent);
    }
    return agent;
  }
}

function tlsFacts(response: IncomingMessage): HttpResponse['tls'] {
  const socket = response.socket;
  if (!(socket instanceof TLSSocket)) return null;
  return { protocol: socket.getProtocol() ?? 'unknown', validTo: socket.getPeerCertificate().valid_to };
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const body = await readLimited(response, MAX_BODY);
  if (body === null) throw new GwError('gateway.unreachable', `An answer of more than ${MAX_BODY} bytes was refused.`);
  return body;
}
