/** The transport layer of ssh2, which the package ships without types. Only what `transport.ts` and `private-key.ts` use is declared. */
declare module 'ssh2/lib/protocol/Protocol.js' {
  export interface HostKey {
    readonly type: string;
    getPublicSSH(): Buffer;
    sign(data: Buffer, hash?: string): Buffer | Error;
  }
  export interface ProtocolOptions {
    server?: boolean;
    hostKeys?: Record<string, HostKey>;
    ident?: string;
    offer: object;
    onWrite(data: Buffer): void;
    onError(error: Error): void;
    onHandshakeComplete(): void;
    hostVerifier?(key: Buffer): boolean;
    messageHandlers: { DISCONNECT?(protocol: Protocol, reason: number, description: string): void };
  }
  export interface Decipher {
    _onPayload: (payload: Buffer) => unknown;
    _packet?: Uint8Array | null;
  }
  /** AES-GCM in the compiled part of the library: each call is one invocation. */
  export interface GcmDecipher extends Decipher {
    readonly _instance: { decrypt(packet: Buffer, length: number, tag: Buffer): void };
    readonly _lenBytes: number;
    inSeqno: number;
  }
  /** AES-CTR with a MAC in the compiled part of the library: `decryptBlock` for the first field where the MAC is over what it was, then the rest. */
  export interface MacDecipher extends Decipher {
    readonly _instance: { decryptBlock(block: Buffer): void; decrypt(packet: Buffer, seqno: number, field: Buffer, mac: Buffer): void };
    readonly _block: Buffer;
    readonly _blockPos: number;
    readonly _macActualLen: number;
    readonly _macETM: boolean;
    inSeqno: number;
  }
  export type Cipher = object;
  export interface GcmCipher extends Cipher {
    /** In place; the last 16 bytes are for the tag. */
    readonly _instance: { encrypt(packet: Buffer): void };
    readonly _dead: boolean;
    outSeqno: number;
  }
  export interface KeyExchange {
    readonly sessionID: Buffer;
    readonly negotiated: { serverHostKey: string };
    _hostKey: unknown;
  }
  export default class Protocol {
    constructor(options: ProtocolOptions);
    start: () => void;
    parse(chunk: Buffer, from: number, to: number): void;
    cleanup(): void;
    rekey(): void;
    _onPayload: (payload: Buffer) => unknown;
    _kexinit: unknown;
    /** The first piece of what comes before the peer's version is known. */
    _buffer: Buffer | undefined;
    /** Where in the chunk it goes on, under what is new by then; undefined: it took everything. */
    _parse(chunk: Buffer, from: number, to: number): number | undefined;
    /** Undefined before the peer's version is known. */
    readonly _decipher: Decipher | undefined;
    readonly _cipher: Cipher;
    /** Undefined before both sides agreed on algorithms. */
    readonly _kex: KeyExchange | undefined;
    readonly _packetRW: { readonly write: { readonly allocStartKEX: number; alloc(size: number, atOnce?: boolean): Buffer; finalize(packet: Buffer): Buffer } };
  }
}
declare module 'ssh2/lib/protocol/utils.js' {
  import type Protocol from 'ssh2/lib/protocol/Protocol.js';

  const utils: { sendPacket(protocol: Protocol, packet: Buffer, bypass?: boolean): boolean };
  export default utils;
}
declare module 'ssh2/lib/protocol/crypto.js' {
  const crypto: { readonly init: Promise<void>; readonly bindingAvailable: boolean };
  export default crypto;
}
declare module 'ssh2/lib/protocol/keyParser.js' {
  const parser: { parseKey(text: string): { getPrivatePEM(): string | null } | readonly { getPrivatePEM(): string | null }[] | Error };
  export default parser;
}
