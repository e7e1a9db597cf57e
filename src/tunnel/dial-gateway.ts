/**
 * Dials one `gw-tunnel/1` connection: TLS 1.3 to the gateway's one port, then the hello. The token leaves only after the certificate
 * was verified (`secureConnect`), never queued before it, because Node may flush what is queued before JavaScript has judged the peer.
 * Sessions are resumed, so that each further local connection costs one round trip and no signature.
 */
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { TunnelHello } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import { connectionError } from './connection-error.js';
import { encodeFrame, TUNNEL_ALPN } from './frame.js';

/** Longest wait for TCP and TLS, milliseconds. */
const DIAL_TIMEOUT = 15_000;
const KEEP_ALIVE = 30_000;

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  /** PEM of the authorities trusted for this gateway alone; null: those of the system. */
  readonly ca: string | null;
}

/** TLS sessions of one gateway, kept in memory only. A session enters only from a connection whose certificate was verified. */
export class TlsSessionCache {
  #session: Buffer | null = null;

  get(): Buffer | null {
    return this.#session;
  }

  watch(socket: TLSSocket): void {
    socket.on('session', (session) => {
      if (socket.authorized) this.#session = session;
    });
  }
}

/**
 * Resolves when TLS stands and the hello is written; the socket is paused, nothing of the reply has been read.
 * @throws GwError `gateway.unreachable` | `gateway.untrusted`
 */
export function dialGateway(address: GatewayAddress, hello: TunnelHello, sessions: TlsSessionCache): Promise<TLSSocket> {
  const what = `the gateway at ${address.host}:${address.port}`;
  const session = sessions.get();
  return new Promise((resolve, reject) => {
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      host: address.host,
      port: address.port,
      ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
      ...(address.ca === null ? {} : { ca: address.ca }),
      ...(session === null ? {} : { session }),
      ALPNProtocols: [TUNNEL_ALPN],
      minVersion: 'TLSv1.3',
      allowHalfOpen: true,
    };
    const socket = connect(options);
    sessions.watch(socket);
    socket.pause();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    const deadline = setTimeout(() => socket.destroy(new GwError('gateway.unreachable', `Could not reach ${what}: it did not answer in time.`)), DIAL_TIMEOUT);
    const fail = (cause: Error): void => {
      clearTimeout(deadline);
      reject(connectionError(cause, what));
    };
    // Stays for the life of the socket: an error without a listener would end the process.
    socket.on('error', fail);
    socket.once('close', () => fail(new GwError('gateway.unreachable', `Could not reach ${what}: it closed the connection.`)));
    socket.once('secureConnect', () => {
      clearTimeout(deadline);
      if (socket.alpnProtocol !== TUNNEL_ALPN) {
        socket.destroy();
        reject(new GwError('gateway.unreachable', `What answers at ${address.host}:${address.port} does not speak ${TUNNEL_ALPN}.`));
        return;
      }
      socket.write(encodeFrame(hello));
      resolve(socket);
    });
  });
}
