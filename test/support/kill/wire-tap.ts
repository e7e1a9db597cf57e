/**
 * Stands between clients and the gateway's native port and keeps every byte of both directions: what a client sent, and what the gateway
 * let out to it, whatever becomes of either process. Also the clock of a run with kills: `after` waits for traffic, not for time.
 */
import { once } from 'node:events';
import * as net from 'node:net';

export interface TappedConnection {
  readonly up: Buffer[];
  readonly down: Buffer[];
  /** `performance.now()`. */
  readonly openedAt: number;
  closedAt: number;
  /** Who closed first. */
  closedBy: 'client' | 'gateway' | null;
}

export class WireTap {
  connections: TappedConnection[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #destination = 0;
  #moved = 0;
  #waiting: { readonly from: number; readonly done: () => void }[] = [];

  private constructor() {
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.#relay(client));
  }

  static async start(): Promise<WireTap> {
    const tap = new WireTap();
    tap.#server.listen(0, '127.0.0.1');
    await once(tap.#server, 'listening');
    return tap;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Where connections go from now on. */
  lead(port: number): void {
    this.#destination = port;
  }

  /** Resolves while the chunk is being relayed with which the clients have sent `bytes` more than now. */
  after(bytes: number, then: () => void): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        then();
        resolve();
      };
      this.#waiting.push({ from: this.#moved + bytes, done });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #relay(client: net.Socket): void {
    const gateway = net.connect({ port: this.#destination, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const connection: TappedConnection = { up: [], down: [], openedAt: performance.now(), closedAt: Number.POSITIVE_INFINITY, closedBy: null };
    this.connections.push(connection);
    const join = (from: net.Socket, to: net.Socket, side: 'client' | 'gateway', kept: Buffer[]): void => {
      const over = (): void => {
        if (connection.closedBy !== null) return;
        connection.closedBy = side;
        connection.closedAt = performance.now();
      };
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        kept.push(chunk);
        if (!to.write(chunk)) from.pause();
        if (side === 'client') this.#count(chunk.length);
      });
      to.on('drain', () => from.resume());
      from.on('end', () => {
        over();
        to.end();
      });
      from.on('error', over);
      from.on('close', () => {
        over();
        this.#sockets.delete(from);
        to.destroy();
      });
    };
    join(client, gateway, 'client', connection.up);
    join(gateway, client, 'gateway', connection.down);
  }

  #count(bytes: number): void {
    this.#moved += bytes;
    const due = this.#waiting.filter(({ from }) => from <= this.#moved);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter(({ from }) => from > this.#moved);
    for (const { done } of due) done();
  }
}
