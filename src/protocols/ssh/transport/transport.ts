/**
 * One leg's transport (RFC 4253): versions, key exchange, encryption. ssh2 does that; everything above it, from the service request on, comes
 * out here as whole messages and is judged by this island. What a peer may negotiate is a short list without SHA-1, CBC, compression and
 * ChaCha20-Poly1305 (Terrapin, D5: with the ciphers left an attacker on the wire gains nothing; strict key exchange is done where the peer can).
 */
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';
import Protocol, { type HostKey, type KeyExchange } from 'ssh2/lib/protocol/Protocol.js';
import ssh2Utils from 'ssh2/lib/protocol/utils.js';
import { GwError } from '../../../contract/gw-error.js';
import { LONG_PACKET, SHORT_PACKET } from '../codec/limits.js';
import { disconnect } from '../codec/messages.js';
import { certificateAlgorithm, plainAlgorithm } from './certificate.js';
import { openingCipher } from './opening-ciphers.js';
import { PacketOpener } from './packet-opener.js';
import { PacketSealer, sealsGcm } from './packet-sealer.js';

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
/** The same, for hosts that show a certificate. */
export const HOST_CERTIFICATES = HOST_KEYS.map(certificateAlgorithm);
/** Messages that the transport keeps to itself: the rest of 1..19, key exchange. */
const ABOVE = new Set([5, 6]);
const KEXINIT = 20;
/** New keys after so many bytes in one direction; RFC 4253 section 9 speaks of a gigabyte, AES-GCM bears far more. */
const REKEY_BYTES = 16 * 2 ** 30;
const NOTHING = Buffer.alloc(0);
const DISCONNECT = 1;
const LINE_FEED = 10;
/** What a message that waits takes beside its bytes. */
const PACKET_COST = 128;

export interface TransportEvents {
  /** Encrypted bytes for the peer. `written`, if there is one, is to be called when they are out: their memory is used again then, and never if it is not called. */
  write(bytes: Buffer, written?: () => void): void;
  /** A whole message. The buffer is this call's only. */
  payload(payload: Buffer): void;
  /** Keys stand for the first time. */
  ready(): void;
  /** The peer said goodbye. */
  disconnected(reason: number, text: string): void;
  /** After that: new keys are being made, or stand; or more waits for them. */
  exchange?(): void;
  /** New keys may be made now. Not said: they may. */
  mayExchange?(): boolean;
}

export type TransportSide =
  | { readonly kind: 'server'; readonly hostKey: HostKey }
  /** `proof`: which key has to sign the key exchange where the host shows this key or certificate; null: it is not the host that is meant. `algorithms`: what it may show. */
  | { readonly kind: 'client'; readonly algorithms: readonly string[]; proof(shown: Buffer): Buffer | null };

/** Resolves when the cryptography of the library is loaded; before that no transport may start. */
export const transportReady = (): Promise<void> => ssh2Crypto.init;

export class Transport {
  #events: TransportEvents;
  readonly #protocol: Protocol;
  readonly #side: TransportSide['kind'];
  /** Nothing more is read. */
  #failure: Error | null = null;
  /** Nothing more is sent. */
  #closed = false;
  /** All bytes of the peer before its version was known. */
  #said: Buffer[] = [];
  #saidBytes = 0;
  #stood = false;
  #longest = SHORT_PACKET;
  #moved = 0;
  #withheld: number | null = null;
  /** Of the decipher in force; null: the library reads by itself. */
  #opener: PacketOpener | null = null;
  readonly #sealer = new PacketSealer((bytes, written) => this.#events.write(bytes, written));
  #gathering = false;
  /** What a host that shows a certificate signs the key exchange in hand with; null: it shows none. */
  #certifiedSigns: string | null = null;

  constructor(side: TransportSide, events: TransportEvents) {
    this.#events = events;
    this.#side = side.kind;
    const cs = { cipher: CIPHERS, mac: MACS, compress: ['none'], lang: [] };
    this.#protocol = new Protocol({
      ...(side.kind === 'server'
        ? { server: true, hostKeys: { [side.hostKey.type]: side.hostKey } }
        : { hostVerifier: (shown: Buffer) => this.#believes(shown, side.proof(shown)) }),
      ident: 'gw',
      offer: { kex: KEX, serverHostKey: side.kind === 'server' ? [side.hostKey.type] : side.algorithms, cs, sc: cs },
      onWrite: (bytes) => {
        this.#sealer.flush();
        this.#events.write(bytes);
      },
      onError: (error) => {
        // The library said goodbye by itself, and can say no more.
        this.#failure ??= error;
        this.#closed = true;
      },
      onHandshakeComplete: () => {
        this.#moved = 0;
        this.#withheld = null;
        if (this.#stood) {
          this.#events.exchange?.();
          return;
        }
        this.#stood = true;
        this.#events.ready();
      },
      messageHandlers: { DISCONNECT: (_, reason, text) => this.#events.disconnected(reason, text) },
    });
    if (side.kind === 'client') this.#watchExchanges();
    const inner = this.#protocol._onPayload;
    this.#protocol._onPayload = (payload) => {
      const type = payload[0] ?? 0;
      if (type === KEXINIT) {
        if (payload.length > SHORT_PACKET) throw this.#broken(`${payload.length} bytes about keys`);
        return this.#newKeys(inner, payload);
      }
      if (type < 50 && !ABOVE.has(type)) return inner(payload);
      this.#events.payload(payload);
      return undefined;
    };
  }

  /** The library keeps messages of a key exchange until it is over, and what they stand in is read into again: it gets copies. */
  #newKeys(inner: (payload: Buffer) => unknown, payload: Buffer): unknown {
    const result = inner(Buffer.from(payload));
    this.#exchanging();
    const decipher = this.#protocol._decipher;
    if (decipher === undefined) return result;
    const exchange = decipher._onPayload;
    decipher._onPayload = (next) => exchange(Buffer.from(next));
    return result;
  }

  #exchanging(): void {
    if (!this.#stood || this.#withheld !== null || this.#protocol._kexinit === undefined) return;
    this.#withheld = 0;
    this.#events.exchange?.();
  }

  /** Bytes that wait for new keys; null: none are made since the first stood. */
  get withheld(): number | null {
    return this.#withheld;
  }

  /**
   * The library knows no certificates: it compares what was agreed on with the type of what is shown. Only for RSA the two differ (RFC 8332). It keeps
   * what was agreed on from the moment on that it does.
   */
  #watchExchanges(): void {
    let current: KeyExchange | undefined;
    Object.defineProperty(this.#protocol, '_kex', {
      get: () => current,
      set: (exchange: KeyExchange | undefined) => {
        current = exchange;
        const plain = exchange === undefined ? null : plainAlgorithm(exchange.negotiated.serverHostKey);
        this.#certifiedSigns = plain;
        if (exchange !== undefined && plain !== null) exchange.negotiated.serverHostKey = certificateAlgorithm(plain.startsWith('rsa-') ? 'ssh-rsa' : plain);
      },
    });
  }

  /**
   * Where a certificate is believed, the library goes on with two things in one field: it hashes what was shown (RFC 4253 section 8, K_S), and then has
   * the signature of that hash checked by the certified key. If it ever looked in another order, the check would fail, and the connection with it.
   */
  #believes(shown: Buffer, key: Buffer | null): boolean {
    if (key === null) return false;
    const exchange = this.#protocol._kex;
    if (key.equals(shown)) return true;
    if (exchange === undefined || this.#certifiedSigns === null) return false;
    exchange.negotiated.serverHostKey = this.#certifiedSigns;
    let hashed = false;
    Object.defineProperty(exchange, '_hostKey', {
      get: () => {
        if (hashed) return key;
        hashed = true;
        return shown;
      },
      // The library clears it when the exchange is over; it is gone with the exchange.
      set: () => undefined,
    });
    return true;
  }

  /** Who hears from now on. */
  set events(events: TransportEvents) {
    this.#sealer.flush();
    this.#events = events;
  }

  /** Says hello. */
  start(): void {
    this.#protocol.start();
  }

  /** Identifies this connection in signatures (RFC 4253 section 7.2). */
  get sessionId(): Buffer {
    const exchange = this.#protocol._kex;
    if (exchange === undefined) throw this.#broken('there are no keys yet');
    return exchange.sessionID;
  }

  /**
   * Bytes of the peer. They are opened where they lie: what was given is not to be read afterwards.
   * @throws GwError `protocol.violation` | `target.protocol`
   */
  feed(chunk: Buffer): void {
    try {
      const bytes = this.#protocol._decipher === undefined ? this.#hello(chunk) : chunk;
      for (let at: number | undefined = 0; at !== undefined && at < bytes.length; ) {
        const opener = this.#openerNow();
        at = opener === null ? this.#protocol._parse(bytes, at, bytes.length) : opener.open(bytes, at);
      }
    } catch (thrown) {
      if (thrown instanceof GwError) throw thrown;
      this.#failure ??= thrown as Error;
    }
    if (this.#failure !== null) throw this.#broken(this.#failure.message, this.#failure);
    if (this.#said.length > 0 && this.#protocol._decipher !== undefined) this.#said = [];
    this.#keep(chunk);
    this.#count(chunk.length);
  }

  /**
   * What came until now, once a line is over: the version, or what a host says before it. The library keeps the first piece of a line only, so it is
   * given all of it each time.
   */
  #hello(chunk: Buffer): Buffer {
    this.#said.push(Buffer.from(chunk));
    this.#saidBytes += chunk.length;
    if (!chunk.includes(LINE_FEED)) {
      if (this.#saidBytes > SHORT_PACKET) throw this.#broken('a version that does not end');
      return NOTHING;
    }
    const all = Buffer.concat(this.#said);
    this.#said = [all];
    this.#protocol._buffer = undefined;
    return all;
  }

  /** New keys come with a decipher of their own. */
  #openerNow(): PacketOpener | null {
    const decipher = this.#protocol._decipher;
    if (this.#opener !== null && this.#opener.decipher === decipher) return this.#opener;
    const cipher = openingCipher(decipher);
    this.#opener =
      cipher === null
        ? null
        : new PacketOpener(
            cipher,
            () => this.#longest,
            (why) => this.#broken(why),
          );
    return this.#opener;
  }

  /** The login is over: from now on a packet may be as long as OpenSSH's. */
  loggedIn(): void {
    this.#longest = LONG_PACKET;
  }

  /** A packet whose last bytes (its tag) are still to come lies where it came in, which is read into again: the library gets a copy. */
  #keep(chunk: Buffer): void {
    const decipher = this.#protocol._decipher;
    const packet = decipher?._packet;
    if (decipher !== undefined && packet?.buffer === chunk.buffer) decipher._packet = Buffer.from(packet);
  }

  /** While it is on, what is sent may wait for more. Where it goes off, and at `flush`, everything leaves. */
  set gathering(on: boolean) {
    this.#gathering = on;
    if (!on) this.#sealer.flush();
  }

  flush(): void {
    this.#sealer.flush();
  }

  /** Sends the message `head` + `body`, at once or as soon as new keys stand. Neither is kept. */
  send(head: Uint8Array, body: Uint8Array = NOTHING): void {
    if (this.#closed) return;
    // In the middle of a key exchange the library takes the bare message and makes a packet of it later. A goodbye may go out all the same
    // (RFC 4253 section 7.1).
    const exchanging = this.#protocol._kexinit !== undefined && !(this.#stood && head[0] === DISCONNECT);
    const cipher = this.#protocol._cipher;
    if (!exchanging && sealsGcm(cipher)) {
      this.#sealer.seal(cipher, head, body);
      if (!this.#gathering) this.#sealer.flush();
    } else {
      const { write } = this.#protocol._packetRW;
      const packet = write.alloc(head.length + body.length, !exchanging);
      // Since an exchange began, the library's own place is that of a message which waits.
      const at = exchanging ? 0 : write.allocStartKEX;
      packet.set(head, at);
      packet.set(body, at + head.length);
      ssh2Utils.sendPacket(this.#protocol, write.finalize(packet), !exchanging);
      if (exchanging) this.#withhold(packet.length);
    }
    this.#count(head.length + body.length);
  }

  #withhold(bytes: number): void {
    if (this.#withheld === null) return;
    this.#withheld += bytes + PACKET_COST;
    this.#events.exchange?.();
  }

  /** The last message; nothing can be sent behind it. It can be where reading failed, but only under keys. */
  goodbye(reason: number, text: string): void {
    if (this.#stood) this.send(disconnect(reason, text));
    this.#sealer.flush();
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#failure ??= new GwError('protocol.violation', 'The connection is over.');
  }

  #count(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved < REKEY_BYTES || !this.#stood || this.#events.mayExchange?.() === false) return;
    this.#moved = 0;
    this.#protocol.rekey();
    this.#exchanging();
  }

  #broken(why: string, cause?: Error): GwError {
    if (this.#side === 'client')
      return new GwError('target.protocol', "The target's SSH transport failed.", { cause: cause ?? new GwError('target.protocol', why) });
    return new GwError('protocol.violation', `The SSH transport of the client failed: ${why}.`, cause === undefined ? {} : { cause });
  }
}
