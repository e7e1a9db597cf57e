/**
 * One leg's transport (RFC 4253): versions, key exchange, encryption. ssh2 does that; everything above it, from the service request on, comes
 * out here as whole messages and is judged by this island. What a peer may negotiate is a short list without SHA-1, CBC, compression and
 * ChaCha20-Poly1305 (Terrapin, D5: with the ciphers left an attacker on the wire gains nothing; strict key exchange is done where the peer can).
 */
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';
import Protocol, { type HostKey } from 'ssh2/lib/protocol/Protocol.js';
import ssh2Utils from 'ssh2/lib/protocol/utils.js';
import { GwError } from '../../../contract/gw-error.js';
import { disconnect } from '../codec/messages.js';

/**
 * The older name of the first comes first: the library throws away a first packet that a client sent on a guess also where the guess was right
 * (RFC 4253 section 7). Clients that guess (dropbear) guess the newer name, are wrong then, and send it again.
 */
const KEX = [
  'curve25519-sha256@libssh.org',
  'curve25519-sha256',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group14-sha256',
];
const CIPHERS = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'];
const MACS = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'];
export const HOST_KEYS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'];
/** Messages that the transport keeps to itself: the rest of 1..19, key exchange. */
const ABOVE = new Set([5, 6]);
const KEXINIT = 20;
/** New keys after so many bytes in one direction; RFC 4253 section 9 speaks of a gigabyte, AES-GCM bears far more. */
const REKEY_BYTES = 16 * 2 ** 30;

export interface TransportEvents {
  /** Encrypted bytes for the peer. */
  write(bytes: Buffer): void;
  /** A whole message. The buffer is this call's only. */
  payload(payload: Buffer): void;
  /** Keys stand for the first time. */
  ready(): void;
  /** The peer said goodbye. */
  disconnected(reason: number, text: string): void;
}

export type TransportSide =
  | { readonly kind: 'server'; readonly hostKey: HostKey }
  /** `trusts`: is it the key of the host that is meant? `algorithms`: which keys of it could be. */
  | { readonly kind: 'client'; readonly algorithms: readonly string[]; trusts(key: Buffer): boolean };

/** Resolves when the cryptography of the library is loaded; before that no transport may start. */
export const transportReady = (): Promise<void> => ssh2Crypto.init;

export class Transport {
  #events: TransportEvents;
  readonly #protocol: Protocol;
  readonly #side: TransportSide['kind'];
  #failure: Error | null = null;
  #stood = false;
  #moved = 0;

  constructor(side: TransportSide, events: TransportEvents) {
    this.#events = events;
    this.#side = side.kind;
    const cs = { cipher: CIPHERS, mac: MACS, compress: ['none'], lang: [] };
    this.#protocol = new Protocol({
      ...(side.kind === 'server' ? { server: true, hostKeys: { [side.hostKey.type]: side.hostKey } } : { hostVerifier: (key: Buffer) => side.trusts(key) }),
      ident: 'gw',
      offer: { kex: KEX, serverHostKey: side.kind === 'server' ? [side.hostKey.type] : side.algorithms, cs, sc: cs },
      onWrite: (bytes) => this.#events.write(bytes),
      onError: (error) => {
        this.#failure ??= error;
      },
      onHandshakeComplete: () => {
        this.#moved = 0;
        if (this.#stood) return;
        this.#stood = true;
        this.#events.ready();
      },
      messageHandlers: { DISCONNECT: (_, reason, text) => this.#events.disconnected(reason, text) },
    });
    const inner = this.#protocol._onPayload;
    this.#protocol._onPayload = (payload) => {
      const type = payload[0] ?? 0;
      if (type === KEXINIT) return this.#newKeys(inner, payload);
      if (type < 50 && !ABOVE.has(type)) return inner(payload);
      this.#events.payload(payload);
      return undefined;
    };
  }

  /** The library keeps messages of a key exchange until it is over, and what they stand in is read into again: it gets copies. */
  #newKeys(inner: (payload: Buffer) => unknown, payload: Buffer): unknown {
    const result = inner(Buffer.from(payload));
    const decipher = this.#protocol._decipher;
    const exchange = decipher._onPayload;
    decipher._onPayload = (next) => exchange(Buffer.from(next));
    return result;
  }

  /** Who hears from now on. */
  set events(events: TransportEvents) {
    this.#events = events;
  }

  /** Says hello. */
  start(): void {
    this.#protocol.start();
  }

  /** Identifies this connection in signatures (RFC 4253 section 7.2). */
  get sessionId(): Buffer {
    return this.#protocol._kex.sessionID;
  }

  /**
   * Bytes of the peer.
   * @throws GwError `protocol.violation` | `target.protocol`
   */
  feed(chunk: Buffer): void {
    try {
      this.#protocol.parse(chunk, 0, chunk.length);
    } catch (thrown) {
      if (thrown instanceof GwError) throw thrown;
      this.#failure ??= thrown as Error;
    }
    if (this.#failure !== null) throw this.#broken(this.#failure);
    this.#keep(chunk);
    this.#count(chunk.length);
  }

  /** A packet whose last bytes (its tag) are still to come lies where it came in, which is read into again: the library gets a copy. */
  #keep(chunk: Buffer): void {
    const decipher = this.#protocol._decipher;
    const { _packet: packet } = decipher;
    if (packet?.buffer === chunk.buffer) decipher._packet = Buffer.from(packet);
  }

  /** Sends one message, at once or as soon as new keys stand. */
  send(payload: Uint8Array): void {
    if (this.#failure !== null) return;
    const { write } = this.#protocol._packetRW;
    // In the middle of a key exchange the library takes the bare message and makes a packet of it later.
    const exchanging = this.#protocol._kexinit !== undefined;
    const packet = write.alloc(payload.length);
    packet.set(payload, exchanging ? 0 : write.allocStart);
    ssh2Utils.sendPacket(this.#protocol, write.finalize(packet));
    this.#count(payload.length);
  }

  /** The last message; nothing can be sent behind it. */
  goodbye(reason: number, text: string): void {
    this.send(disconnect(reason, text));
    this.close();
  }

  close(): void {
    this.#failure ??= new GwError('protocol.violation', 'The connection is over.');
  }

  #count(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved < REKEY_BYTES || !this.#stood) return;
    this.#moved = 0;
    this.#protocol.rekey();
  }

  #broken(cause: Error): GwError {
    if (this.#side === 'client') return new GwError('target.protocol', "The target's SSH transport failed.", { cause });
    return new GwError('protocol.violation', `The SSH transport of the client failed: ${cause.message}.`, { cause });
  }
}
