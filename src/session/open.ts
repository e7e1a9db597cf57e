/**
 * Stage 4: a `Grant` becomes a connection to the target. Only here is a target dialled, and only with a grant. The session's start is in
 * the journal before the dial, and durable before the first byte of the client goes up.
 */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { GwError } from '../contract/gw-error.js';
import type { Protocol, UpstreamConnection, UpstreamReady } from '../contract/protocol.js';
import type { Target } from '../contract/target.js';
import type { Grant } from '../contract/verdict.js';
import { requireGrant } from './authorize.js';
import type { PathServices } from './path-services.js';
import { ReadBuffer } from './read-buffer.js';
import { StreamReader } from './stream-reader.js';

export interface OpenTarget {
  readonly stream: Duplex;
  /** Set while the raw socket is read into reused memory; null: the stream's own chunks. */
  readonly buffer: ReadBuffer | null;
  readonly intake: Intake | null;
  readonly ready: UpstreamReady;
  /** Bytes that came behind the handshake. */
  readonly rest: Buffer[];
}

/** Where reads into reused memory go: first the handshake, then the pump. */
export class Intake {
  readonly buffer = new ReadBuffer();
  handler: (chunk: Buffer) => void = () => undefined;

  readonly onread = {
    buffer: this.buffer.next,
    callback: (size: number, memory: Uint8Array): boolean => {
      this.handler(Buffer.from(memory.buffer, memory.byteOffset, size));
      this.buffer.advance(size);
      return true;
    },
  };
}

export async function openTarget(grant: Grant, protocol: Protocol, startup: unknown, services: PathServices, signal: AbortSignal): Promise<OpenTarget> {
  requireGrant(grant);
  const { target } = grant;
  const credential = await target.credential();
  const { connection, intake, socket } = await dialTarget(target, services, signal);
  try {
    const ready = await protocol.connect(connection, target, credential, startup);
    const plain = connection.stream === socket;
    const rest = connection.finish();
    return { stream: connection.stream, buffer: plain ? intake.buffer : null, intake: plain ? intake : null, ready, rest };
  } catch (error) {
    connection.stream.destroy();
    throw error instanceof GwError ? error : new GwError('target.unreachable', 'The handshake with the target failed.', { cause: error });
  }
}

/** A connection for the handshake stage. With `onread` the raw socket emits no data events: its bytes come through the intake. */
export interface HandshakeConnection extends UpstreamConnection {
  /** Ends the handshake stage; gives bytes not yet read. */
  finish(): Buffer[];
}

export async function dialTarget(
  target: Target,
  services: PathServices,
  signal: AbortSignal,
): Promise<{ connection: HandshakeConnection; intake: Intake; socket: Socket }> {
  const intake = new Intake();
  const timeoutMs = services.limits.handshakeTimeoutMs;
  const socket = await services.dial(target, { timeoutMs, signal, onread: intake.onread });
  const queue = new IntakeReader(socket, intake);
  let reader: StreamReader | null = null;
  const timer = setTimeout(() => {
    const error = new GwError('target.unreachable', 'The target did not complete its handshake in time.');
    queue.fail(error);
    reader?.fail(error);
    socket.destroy();
  }, timeoutMs);
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  const connection: HandshakeConnection = {
    get stream() {
      return reader?.stream ?? socket;
    },
    startTls: async (options) => {
      queue.finish();
      const secure = tls.connect({
        socket,
        rejectUnauthorized: options.rejectUnauthorized,
        ...(options.ca === null ? {} : { ca: options.ca }),
        ...serverName(options.servername ?? target.host),
        checkServerIdentity: (host, certificate) => (options.verifyHost ? tls.checkServerIdentity(options.servername ?? target.host, certificate) : void host),
      });
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve);
        secure.once('error', (cause: NodeJS.ErrnoException) => reject(tlsFailure(cause)));
        secure.once('close', () => reject(new GwError('target.unreachable', 'The target closed the connection during the TLS handshake.')));
      });
      reader = new StreamReader(secure, 'target');
      return secure;
    },
    read: () => reader?.read() ?? queue.read(),
    unread: (chunk) => (reader ?? queue).unread(chunk),
    write: (chunk) => {
      (reader?.stream ?? socket).write(chunk);
    },
    finish: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      return reader?.detach() ?? queue.finish();
    },
  };
  return { connection, intake, socket };
}

const UNTRUSTED = new Set([
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Which check failed is public, so that the right person is asked; names and addresses stay in the cause. */
function tlsFailure(cause: NodeJS.ErrnoException): GwError {
  const code = cause.code ?? '';
  let what: string;
  if (UNTRUSTED.has(code)) what = "The target's certificate is not trusted by the gateway.";
  else if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') what = "The target's certificate does not name the host that the gateway dials.";
  else if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') what = "The target's certificate is not valid at this time.";
  else return new GwError('target.unreachable', 'TLS with the target failed.', { cause });
  return new GwError('target.unreachable', what, { cause, hint: 'Ask an administrator of the gateway to check the TLS options of the target.' });
}

/** SNI takes names only (RFC 6066 section 3). */
function serverName(host: string): { servername?: string } {
  return /^[0-9.]+$|:/.test(host) ? {} : { servername: host };
}

/** Promise-style reads of what the intake delivers. */
class IntakeReader {
  readonly #socket: Socket;
  readonly #intake: Intake;
  #chunks: Buffer[] = [];
  #waiting: { resolve: (chunk: Buffer) => void; reject: (error: unknown) => void } | null = null;
  #failure: GwError | null = null;

  constructor(socket: Socket, intake: Intake) {
    this.#socket = socket;
    this.#intake = intake;
    intake.handler = (chunk) => this.unreadLast(Buffer.from(chunk));
    socket.on('end', this.#ended);
    socket.on('close', this.#ended);
    socket.on('error', this.#ended);
  }

  readonly #ended = (cause?: unknown): void => {
    this.fail(new GwError('target.unreachable', 'The target closed the connection during the handshake.', cause instanceof Error ? { cause } : {}));
  };

  fail(error: GwError): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }

  unreadLast(chunk: Buffer): void {
    if (this.#waiting === null) {
      this.#chunks.push(chunk);
      return;
    }
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve(chunk);
  }

  unread(chunk: Buffer): void {
    this.#chunks.unshift(chunk);
  }

  read(): Promise<Buffer> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  finish(): Buffer[] {
    this.#socket.off('end', this.#ended);
    this.#socket.off('close', this.#ended);
    this.#socket.off('error', this.#ended);
    const rest = this.#chunks;
    this.#chunks = [];
    this.#intake.handler = (chunk) => rest.push(Buffer.from(chunk));
    return rest;
  }
}
