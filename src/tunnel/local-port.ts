/**
 * The local end of a tunnel: a listener on 127.0.0.1 that turns each local connection into one TLS connection to the gateway. It binds
 * to loopback only. Whoever connects still has to present the per-process secret in the target's own protocol, which the gateway
 * checks; this file never sees it but in the hello. A refusal closes the local connection and is kept, so that the CLI can say why.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TunnelHello } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import { dialGateway, type GatewayAddress, TlsSessionCache } from './dial-gateway.js';
import { readReply } from './read-reply.js';

/** Bound on what a local program can make this process open at the gateway. */
const MAX_CONNECTIONS = 512;
const HOST = '127.0.0.1';

export interface LocalPortOptions {
  readonly gateway: GatewayAddress;
  /** 0: any free port. */
  readonly port: number;
  /** Called for each local connection, so that the token in it is fresh. */
  hello(): Promise<TunnelHello>;
  onSession?(session: string): void;
  onSessionEnd?(session: string): void;
  onRefusal?(error: GwError): void;
}

export class LocalPort {
  readonly host = HOST;
  readonly port: number;
  readonly #server: Server;
  readonly #options: LocalPortOptions;
  readonly #sessions = new TlsSessionCache();
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #refusal: GwError | null = null;

  private constructor(server: Server, options: LocalPortOptions) {
    this.#server = server;
    this.#options = options;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (local: Socket) => void this.#serve(local));
  }

  /** @throws GwError `usage.invalid` when the port asked for is taken or not allowed. */
  static open(options: LocalPortOptions): Promise<LocalPort> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
      server.maxConnections = MAX_CONNECTIONS;
      server.once('error', (cause) => {
        reject(
          new GwError('usage.invalid', `Cannot listen on ${HOST}:${options.port}: the port is in use or not allowed.`, {
            cause,
            hint: 'Name another port, or none for a free one.',
          }),
        );
      });
      server.listen(options.port, HOST, () => resolve(new LocalPort(server, options)));
    });
  }

  /** Tunnels that the gateway accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The last refusal, or null when there was none. */
  get refusal(): GwError | null {
    return this.#refusal;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(local: Socket): Promise<void> {
    this.#track(local);
    // The client may leave at any time; 'close' follows each 'error' and does what is to be done.
    local.on('error', () => local.destroy());
    try {
      const tunnel = await dialGateway(this.#options.gateway, await this.#options.hello(), this.#sessions);
      this.#track(tunnel);
      this.#join(local, tunnel);
      // The client's bytes go up at once: the reply costs no round trip of its own.
      local.pipe(tunnel);
      const { session, rest } = await readReply(tunnel, `the gateway at ${this.#options.gateway.host}:${this.#options.gateway.port}`);
      this.#accepted += 1;
      this.#options.onSession?.(session);
      if (tunnel.closed) this.#options.onSessionEnd?.(session);
      else tunnel.once('close', () => this.#options.onSessionEnd?.(session));
      if (rest.length > 0) local.write(rest);
      tunnel.pipe(local);
    } catch (thrown) {
      const left = local.destroyed;
      local.destroy();
      // A client that left before the answer is its own business, not a failure to report.
      if (left && !(thrown instanceof GwError && thrown.entry.kind !== 'upstream')) return;
      this.#refusal = GwError.from(thrown);
      this.#options.onRefusal?.(this.#refusal);
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** When one side is gone for good, the other has nobody to talk to. A half-close passes through `pipe` instead. */
  #join(local: Socket, tunnel: TLSSocket): void {
    tunnel.on('error', () => tunnel.destroy());
    local.once('close', () => tunnel.destroy());
    tunnel.once('close', () => local.destroySoon());
    if (local.destroyed) tunnel.destroy();
  }
}
