/** SFTP of version 3 (draft-ietf-secsh-filexfer-02), with the extensions of OpenSSH: packets cut out of a stream, and those that gw writes itself. */
import { SFTP_HANDLE, SFTP_PACKET, SFTP_REQUEST } from './limits.js';
import { broken, message, string, uint32, WireReader } from './wire.js';

export const SFTP = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const STATUS = { ok: 0, eof: 1, permissionDenied: 3, failure: 4, unsupported: 8 } as const;
/** Flags of OPEN. */
export const OPEN = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

const packet = (type: number, ...parts: readonly Uint8Array[]): Buffer => string(message(type, ...parts));
export const sftpStatus = (id: number, code: number, text: string): Buffer => packet(SFTP.status, uint32(id), uint32(code), string(text), string('en'));
export const sftpInit = (): Buffer => packet(SFTP.init, uint32(3));
/** A greeting with those of its extensions (pairs of name and data) that are carried: what is told about no other one, clients do not try. */
export function sftpVersion(greeting: Buffer, carried: ReadonlySet<string>): Buffer {
  const { id: version, reader } = sftpReader(greeting);
  const extensions: Buffer[] = [];
  while (reader.left > 0) {
    const from = reader.position;
    const name = reader.string(SFTP_REQUEST).toString('latin1');
    reader.string(SFTP_REQUEST);
    if (carried.has(name)) extensions.push(greeting.subarray(from, reader.position));
  }
  return packet(SFTP.version, uint32(version), ...extensions);
}
export const sftpRealpath = (id: number, path: string): Buffer => packet(SFTP.realpath, uint32(id), string(path));

/** Packets with the content of files are passed on while they come; of all others the whole is needed. Bytes of the head that is. */
export function headOf(type: number, body: Buffer): number | null {
  if (type !== SFTP.write) return null;
  // id, handle, offset, length of the data
  if (body.length < 8) return 8;
  const handle = body.readUInt32BE(4);
  if (handle > SFTP_HANDLE) throw broken(`a handle of ${handle} bytes`);
  return 8 + handle + 8 + 4;
}

/** `whole`: the packet with its length. `head`: what comes before the data, and how much of that there is. */
export type SftpPart =
  | { readonly kind: 'whole'; readonly type: number; readonly packet: Buffer }
  | { readonly kind: 'head'; readonly type: number; readonly packet: Buffer; readonly data: number }
  | { readonly kind: 'data'; readonly bytes: Buffer };

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Cuts one direction of a stream into packets. `streams` says of which types the data is passed on as it comes, by the length of their head
 * behind the type (null: whole).
 */
export class SftpSplitter {
  readonly #streams: (type: number, body: Buffer) => number | null;
  #bytes: Buffer = NOTHING;
  /** Memory of its own in which `#bytes` is, with room behind it; null: it is that of whoever pushed it. */
  #own: Buffer | null = null;
  /** Bytes of data of the packet in hand that are still to come. */
  #data = 0;

  constructor(streams: (type: number, body: Buffer) => number | null) {
    this.#streams = streams;
  }

  /** Bytes that are here and not yet given. */
  get held(): number {
    return this.#bytes.length;
  }

  push(chunk: Buffer): void {
    const held = this.#bytes.length;
    if (held === 0) {
      this.#bytes = chunk;
      this.#own = null;
      return;
    }
    const own = this.#roomFor(chunk.length);
    const from = this.#bytes.byteOffset - own.byteOffset;
    chunk.copy(own, from + held);
    this.#bytes = own.subarray(from, from + held + chunk.length);
  }

  /** Memory of its own with room for so many bytes more. It doubles, so that what is held is not copied again with each byte that comes. */
  #roomFor(more: number): Buffer {
    const held = this.#bytes.length;
    const own = this.#own;
    if (own !== null && this.#bytes.byteOffset - own.byteOffset + held + more <= own.length) return own;
    return this.#moved(2 * (held + more));
  }

  #moved(room: number): Buffer {
    const own = Buffer.allocUnsafeSlow(room);
    this.#bytes.copy(own);
    this.#bytes = own.subarray(0, this.#bytes.length);
    this.#own = own;
    return own;
  }

  /** What is not given yet outlives the buffer that it came in. */
  keep(): void {
    if (this.#bytes.length === 0) {
      this.#bytes = NOTHING;
      this.#own = null;
    } else if (this.#own === null) this.#moved(this.#bytes.length);
  }

  /** The next part, which lives as long as what was pushed; null: more bytes are needed. @throws GwError `protocol.violation` */
  next(): SftpPart | null {
    if (this.#data > 0) {
      if (this.#bytes.length === 0) return null;
      const bytes = this.#bytes.subarray(0, this.#data);
      this.#data -= bytes.length;
      this.#bytes = this.#bytes.subarray(bytes.length);
      return { kind: 'data', bytes };
    }
    const part = this.#begin(this.#bytes);
    if (part !== null) this.#bytes = this.#bytes.subarray(part.packet.length);
    return part;
  }

  #begin(bytes: Buffer): Exclude<SftpPart, { kind: 'data' }> | null {
    if (bytes.length < 5) return null;
    const length = bytes.readUInt32BE(0);
    const type = bytes.readUInt8(4);
    if (length < 5 || length > SFTP_PACKET) throw broken(`an SFTP packet of ${length} bytes`);
    const head = this.#streams(type, bytes.subarray(5, 4 + length));
    if (head === null) {
      if (length > SFTP_REQUEST) throw broken(`an SFTP packet of ${length} bytes and the kind ${type}`);
      return bytes.length < 4 + length ? null : { kind: 'whole', type, packet: bytes.subarray(0, 4 + length) };
    }
    if (1 + head > length) throw broken('an SFTP packet that is cut short');
    if (bytes.length < 5 + head) return null;
    this.#data = length - 1 - head;
    const packet = bytes.subarray(0, 5 + head);
    if (type !== SFTP.name && packet.readUInt32BE(packet.length - 4) !== this.#data) throw broken('an SFTP packet with data of another length than it says');
    return { kind: 'head', type, packet, data: this.#data };
  }
}

/** Of answers: data and lists of names are passed on as they come. */
export const answerHead = (type: number): number | null => (type === SFTP.data ? 8 : type === SFTP.name ? 4 : null);

/** Reads behind the type and the request's number. */
export function sftpReader(packet: Buffer): { readonly id: number; readonly reader: WireReader } {
  const reader = new WireReader(packet, 5);
  return { id: reader.uint32(), reader };
}
