/**
 * Stage 0: binds and accepts. One TLS port for API and tunnel, told apart by ALPN after the handshake, and a TCP port for each native
 * listener. Every connection holds a place of the limits until it has shown what it is; the TLS handshake has a deadline of its own, so
 * a stalled client blocks nobody (D18). All input is untrusted.
 */
import type { Server as HttpServer } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import { TUNNEL_ALPN } from '../tunnel/frame.js';
import type { ConnectionCounter } from './connection-limits.js';
import type { TlsMaterial } from './tls-material.js';
import type { ListenAddress } from './worker-messages.js';

export interface ListenerOptions {
  readonly listen: ListenAddress;
  readonly native: readonly { readonly protocol: string; readonly listen: ListenAddress; readonly accept: (socket: Socket) => void }[];
  readonly tls: TlsMaterial;
  readonly ticketKeys: Buffer;
  readonly handshakeTimeoutMs: number;
  /** Connections to the TLS port whose nature is not known yet, and those that are HTTP. */
  readonly counter: ConnectionCounter;
  readonly http: HttpServer;
  readonly acceptTunnel: (socket: TLSSocket) => void;
  readonly logger: Logger;
}

export interface Listeners {
  setTls(material: TlsMaterial): void;
  /** No new native connections from now on; API, health and open connections go on. */
  closeNative(): Promise<void>;
  /** No new connections at all; open API connections are ended. */
  close(): Promise<void>;
}

/** @throws GwError `gateway.listen` */
export async function openListeners(options: ListenerOptions): Promise<Listeners> {
  const { counter } = options;
  const tls = createTlsLayer(options);
  const entry = createTcpServer({ noDelay: true }, (socket) => admit(socket, tls, counter, options.logger));
  const natives = options.native.map(({ listen, accept }) => ({
    listen,
    server: createTcpServer({ noDelay: true }, accept),
  }));
  const servers = [entry, ...natives.map(({ server }) => server)];
  try {
    await bind(entry, options.listen, options.logger);
    for (const { server, listen } of natives) await bind(server, listen, options.logger);
  } catch (thrown) {
    await Promise.all(servers.map(close));
    throw thrown;
  }
  return {
    setTls: (material) => tls.server.setSecureContext({ ...material.options, ticketKeys: options.ticketKeys }),
    closeNative: async () => {
      await Promise.all(natives.map(({ server }) => close(server)));
    },
    close: async () => {
      const closed = Promise.all(servers.map(close));
      options.http.closeAllConnections();
      await closed;
    },
  };
}

interface TlsLayer {
  readonly server: TlsServer;
  /** Frees the place of a connection whose nature is not known yet, by its addresses. */
  readonly places: Map<string, () => void>;
}

const addressesOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;

/** Limits first; only then the TLS layer sees the connection. */
function admit(socket: Socket, tls: TlsLayer, counter: ConnectionCounter, logger: Logger): void {
  const free = counter.take(socket.remoteAddress ?? '');
  if (free === null) {
    logger.debug({ address: socket.remoteAddress }, 'connection refused: too many that have not logged in');
    socket.destroy();
    return;
  }
  const addresses = addressesOf(socket);
  tls.places.set(addresses, free);
  socket.once('close', () => {
    tls.places.delete(addresses);
    free();
  });
  tls.server.emit('connection', socket);
}

function createTlsLayer(options: ListenerOptions): TlsLayer {
  const { http, counter, logger } = options;
  const server = createTlsServer({
    ...options.tls.options,
    ticketKeys: options.ticketKeys,
    ALPNProtocols: [TUNNEL_ALPN, 'http/1.1'],
    handshakeTimeout: options.handshakeTimeoutMs,
  });
  const places = new Map<string, () => void>();
  server.on('tlsClientError', (err: Error, socket: TLSSocket) => {
    logger.debug({ err, address: socket.remoteAddress, open: counter.open }, 'TLS handshake failed');
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    // Until its owner takes over, an error of the socket must not end the process.
    socket.on('error', (err: Error) => logger.debug({ err }, 'connection failed'));
    if (socket.alpnProtocol !== TUNNEL_ALPN) {
      http.emit('connection', socket);
    } else if (socket.getProtocol() !== 'TLSv1.3') {
      socket.destroy();
    } else {
      // The path counts tunnels that have not logged in; only what is HTTP stays in this count, for as long as it is open.
      places.get(addressesOf(socket))?.();
      options.acceptTunnel(socket);
    }
  });
  // The HTTP server listens on nothing itself; this starts its watch over slow requests (headersTimeout, requestTimeout).
  http.emit('listening');
  return { server, places };
}

function bind(server: Server, { host, port }: ListenAddress, logger: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      reject(new GwError('gateway.listen', `The gateway cannot listen on ${host}:${port}.`, { cause, detail: { address: `${host}:${port}` } }));
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      server.on('error', (err) => logger.error({ err, address: `${host}:${port}` }, 'a listener failed'));
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}
