/**
 * Stage 4: a `Grant` becomes a connection to the target. Only here is a target dialled, and only with a grant. The session's start is in
 * the journal before the dial, and durable before the first byte of the client goes up.
 */

import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { GwError } from '../contract/gw-error.js';
import type { Protocol, UpstreamConnection, UpstreamReady } from '../contract/protocol.js';
import type { HeldCredential, Target, TargetCredential } from '../contract/target.js';
import type { Grant } from '../contract/verdict.js';
import { foreignAccount, requireGrant } from './authorize.js';
import { Intake } from './intake.js';
import type { PathServices } from './path-services.js';
import { StreamReader } from './stream-reader.js';

export interface OpenTarget {
  readonly stream: Duplex;
  /** Set while the raw socket is read into shared memory; null: the stream's own chunks. */
  readonly intake: Intake | null;
  readonly ready: UpstreamReady;
  /** Whom the target takes the session for. */
  readonly username: string;
  /** Bytes that came behind the handshake. */
  readonly rest: Buffer[];
}

export async function openTarget(
  grant: Grant,
  protocol: Protocol,
  startup: unknown,
  readOnly: boolean,
  keyId: string,
  services: PathServices,
  signal: AbortSignal,
): Promise<OpenTarget> {
  requireGrant(grant);
  const { target } = grant;
  const credential = certified(await target.credential(), grant, keyId, services);
  const connection = await dialTarget(target, services, signal);
  try {
    const ready = await protocol.connect(connection, target, credential, startup, readOnly);
    const { stream, intake } = connection;
    // Until the pump takes over nothing is read, and how a connection dies meanwhile is seen there by its being dead.
    stream.pause();
    stream.on('error', () => stream.destroy());
    return { stream, intake, ready, username: credential.username, rest: connection.finish() };
  } catch (error) {
    connection.stream.destroy();
    throw error instanceof GwError ? error : new GwError('target.unreachable', 'The handshake with the target failed.', { cause: error });
  }
}

/**
 * Where the configuration wants a certificate, the authority that signs it. What is held beside it is for the account of the configuration, and
 * not shown for another. @throws GwError `target.credential`
 */
function certified(held: HeldCredential, grant: Grant, keyId: string, { authorities, clock }: PathServices): TargetCredential {
  const { principals, ...credential } = held;
  const { target } = grant;
  const account = foreignAccount(grant);
  if (principals === null) {
    if (account !== null) throw new GwError('target.credential', `The gateway holds nothing to log in to ${target.name} as another account.`);
    return credential;
  }
  const authority = authorities.get(target.protocol)?.targets;
  if (authority === undefined) throw new GwError('target.credential', 'The target speaks a protocol in which the gateway has no certificates.');
  const username = account ?? credential.username;
  const certify = { authority, principals: principals.map((name) => name.replaceAll('{{account}}', username)), keyId, now: clock.now() };
  return account === null ? { ...credential, certify } : { username, password: null, certify };
}

/** A connection for the handshake stage. With `onread` the raw socket emits no data events: its bytes come through the intake. */
export interface HandshakeConnection extends UpstreamConnection {
  readonly intake: Intake | null;
  /** The handshake is over and its deadline with it; what comes is still read here. */
  settle(): void;
  /** Ends the handshake stage; gives bytes not yet read. */
  finish(): Buffer[];
}

export async function dialTarget(target: Target, services: PathServices, signal: AbortSignal): Promise<HandshakeConnection> {
  const intake = new Intake();
  const timeoutMs = services.limits.handshakeTimeoutMs;
  const socket = await services.dial(target, { timeoutMs, signal, onread: intake.onread });
  const reader = new StreamReader(socket, 'target', intake);
  const timer = setTimeout(() => {
    reader.fail(new GwError('target.unreachable', 'The target did not complete its handshake in time.'));
    socket.destroy();
  }, timeoutMs);
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  const settle = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return {
    get stream() {
      return reader.stream;
    },
    get intake() {
      return reader.intake;
    },
    startTls: async (options) => {
      reader.detach();
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
      reader.replace(secure);
      return secure;
    },
    read: () => reader.read(),
    unread: (chunk) => reader.unread(chunk),
    write: (chunk) => {
      reader.stream.write(chunk);
    },
    now: () => services.clock.now(),
    settle,
    finish: () => {
      settle();
      return reader.detach();
    },
  };
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
