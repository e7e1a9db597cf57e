/**
 * The form of an authenticated route. A mutating route must name the audit event it writes: one that does not is refused at start, and a
 * test calls each and looks for the event.
 */

import type { FastifyRequest } from 'fastify';
import type { AuditData, AuditKind } from '../audit/index.js';
import type { Caller } from './caller.js';

/** One request, after authentication. `params`, `query` and `body` are untrusted; routes validate them with a schema. */
export interface ApiCall {
  readonly caller: Caller;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** Address of the peer of the socket; forwarded-for headers are never believed. */
  readonly address: string;
  readonly requestId: string;
  /** Aborted when the connection of the caller closes before the answer is out. */
  readonly left: AbortSignal;
  /** Writes an audit event with the caller in it; on disk when it resolves. Call it before the act. */
  audit<Kind extends AuditKind>(kind: Kind, data: Partial<AuditData<Kind>>): Promise<void>;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** The event that a mutating route writes; null for a route that only reads. */
  readonly audit: AuditKind | null;
  /** Longest body, bytes, where it is another than everywhere. */
  readonly bodyLimit?: number;
  handle(call: ApiCall): Promise<object>;
}

/** The caller of a request. @throws GwError `login.*` */
export type Identify = (request: FastifyRequest) => Promise<Caller>;
