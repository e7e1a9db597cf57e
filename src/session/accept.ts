/**
 * Stage 1: a socket becomes a `Conn`. Everything before the login is an attacker's until proved otherwise: counted in all and by address,
 * under one deadline, TLS by the gateway's own certificate. A stalled peer holds its own slot and nobody else's (D18).
 */
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { DeviceLogin } from '../contract/identity.js';
import type { LoginConnection, PreferredAuth } from '../contract/protocol.js';
import type { Intake } from './intake.js';
import type { PathServices } from './path-services.js';
import { StreamReader } from './stream-reader.js';

export interface Conn extends LoginConnection {
  /** Set by the tunnel's hello. */
  target: string | null;
  /** Set by the tunnel's hello. */
  serverIdentity: Secret | null;
  readonly reader: StreamReader;
  readonly address: string;
  readonly acceptedAt: number;
  /** The login is over (or failed): the deadline stops, the slot is free. Idempotent. */
  settle(): void;
}

export interface Incoming {
  readonly stream: Duplex;
  /** Where the stream's bytes come in when it emits none itself. */
  readonly intake: Intake | null;
  readonly address: string;
  readonly via: 'native' | 'tunnel';
  /** TLS is already on (tunnel, TLS listener), or the listener takes plain connections of this machine. */
  readonly secure: boolean;
  readonly preferredAuth: PreferredAuth;
  /** Of the protocol of a native port; a tunnel's is known after its hello. */
  readonly serverIdentity: Secret | null;
  /** Null on a tunnel: there the login is the tunnel's. */
  readonly clientAuthority: Secret | null;
}

/** Counts connections that have not logged in. */
export class Accept {
  readonly #services: PathServices;
  readonly #byAddress = new Map<string, number>();
  #count = 0;
  #draining = false;
  readonly #open = new Set<Conn>();

  constructor(services: PathServices) {
    this.#services = services;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws GwError `session.limit` | `gateway.draining` — say nothing long to such a peer: destroy its socket. */
  accept(incoming: Incoming): Conn {
    const { limits, clock, deviceLogins } = this.#services;
    const { address } = incoming;
    const fromHere = this.#byAddress.get(address) ?? 0;
    if (this.#draining) throw new GwError('gateway.draining', 'The gateway is shutting down.');
    if (this.#count >= limits.preLoginConnections || fromHere >= limits.preLoginPerAddress) {
      throw new GwError('session.limit', 'Too many connections that have not logged in.');
    }
    this.#count++;
    this.#byAddress.set(address, fromHere + 1);
    const reader = new StreamReader(incoming.stream, 'client', incoming.intake);
    let settled = false;
    const device = new AbortController();
    const settle = (): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      device.abort();
      this.#open.delete(conn);
      this.#count--;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    };
    const endIn = (milliseconds: number): NodeJS.Timeout =>
      setTimeout(() => {
        reader.fail(new GwError('protocol.timeout', `The login was not complete after ${Math.round(milliseconds / 1000)} seconds.`));
        reader.stream.destroy();
      }, milliseconds);
    let timer = endIn(limits.handshakeTimeoutMs);
    let begun = false;
    const deviceLogin = async (): Promise<DeviceLogin> => {
      if (begun) throw new GwError('login.failed', 'One login with a browser is enough for a connection.');
      begun = true;
      const login = await deviceLogins.begin(device.signal);
      if (settled) return login;
      clearTimeout(timer);
      timer = endIn(login.expiresAt - clock.now());
      return login;
    };
    reader.stream.once('close', () => device.abort());
    const conn: Conn = {
      reader,
      address,
      acceptedAt: clock.now(),
      settle,
      via: incoming.via,
      secure: incoming.secure,
      preferredAuth: incoming.preferredAuth,
      target: null,
      discovery: this.#services.discovery,
      serverIdentity: incoming.serverIdentity,
      clientAuthority: incoming.clientAuthority,
      deviceLogin: incoming.via === 'native' && deviceLogins.possible ? deviceLogin : null,
      get stream() {
        return reader.stream;
      },
      startTls: (head, alpn) => this.#startTls(reader, head, alpn),
      read: () => reader.read(),
      unread: (chunk) => reader.unread(chunk),
      write: (chunk) => {
        if (reader.stream.writable) reader.stream.write(chunk);
      },
    };
    this.#open.add(conn);
    return conn;
  }

  /** No further connection; those in the middle of a login are told and closed. */
  drain(): void {
    this.#draining = true;
    for (const conn of this.#open) conn.reader.fail(new GwError('gateway.draining', 'The gateway is shutting down.'));
  }

  async #startTls(reader: StreamReader, head: Buffer | null, alpn: readonly string[]): Promise<tls.TLSSocket> {
    const plain = reader.stream;
    reader.detach();
    if (head !== null) plain.unshift(head);
    const secure = new tls.TLSSocket(plain, { isServer: true, secureContext: this.#services.tlsContext(), ALPNProtocols: [...alpn] });
    reader.replace(secure);
    // Node tells a broken record behind the handshake only to servers that it runs itself; without this the connection would stay.
    secure.on('_tlsError', (cause: Error) => secure.destroy(cause));
    await new Promise<void>((resolve, reject) => {
      const failed = (cause?: Error): void => reject(new GwError('protocol.violation', 'The TLS handshake failed.', cause === undefined ? {} : { cause }));
      secure.once('secure', resolve);
      secure.once('error', failed);
      secure.once('close', () => failed());
    });
    return secure;
  }
}
