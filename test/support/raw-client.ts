/**
 * A PostgreSQL client that says exactly what it is told, byte for byte, and gives back the messages that come: for pipelines, refusals and
 * hostile input that no driver would send. `direct` and through-gateway runs of one script can be compared message by message.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';

export interface Reply {
  readonly type: string;
  readonly body: Buffer;
}

const int16 = (value: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
};
export const int32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
};
export const frame = (type: string, ...parts: (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
export const query = (text: string): Buffer => frame('Q', `${text}\0`);
export const parse = (name: string, text: string): Buffer => frame('P', `${name}\0${text}\0`, int16(0));
export const bind = (portal: string, name: string, ...values: (string | null)[]): Buffer =>
  frame(
    'B',
    `${portal}\0${name}\0`,
    int16(0),
    int16(values.length),
    ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), value])),
    int16(0),
  );
export const describe = (kind: 'S' | 'P', name: string): Buffer => frame('D', `${kind}${name}\0`);
export const execute = (portal: string, rows = 0): Buffer => frame('E', `${portal}\0`, int32(rows));
export const close = (kind: 'S' | 'P', name: string): Buffer => frame('C', `${kind}${name}\0`);
export const sync = (): Buffer => frame('S');
export const flush = (): Buffer => frame('H');

export function startup(parameters: Record<string, string>, version = 196_608): Buffer {
  const body = Buffer.concat([int32(version), Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** Fields of an ErrorResponse or NoticeResponse. */
export function fields(reply: Reply): Record<string, string> {
  const out: Record<string, string> = {};
  for (const part of reply.body.toString('utf8').split('\0')) if (part !== '') out[part.charAt(0)] = part.slice(1);
  return out;
}

export class RawClient {
  readonly socket: net.Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes that the message in hand takes: until then nothing is joined. */
  #needed = 0;
  #replies: Reply[] = [];
  #waiting: (() => void)[] = [];
  ended = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
      if (this.#held < this.#needed) return;
      this.#buffer = Buffer.concat(this.#chunks);
      this.#chunks = [];
      while (this.#buffer.length >= 5) {
        const length = this.#buffer.readUInt32BE(1);
        if (this.#buffer.length < length + 1) {
          this.#needed = length + 1;
          break;
        }
        this.#needed = 0;
        this.#replies.push({ type: String.fromCharCode(this.#buffer[0] ?? 0), body: Buffer.from(this.#buffer.subarray(5, length + 1)) });
        this.#buffer = this.#buffer.subarray(length + 1);
      }
      this.#chunks = [this.#buffer];
      this.#held = this.#buffer.length;
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  static async open(port: number): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  static over(socket: net.Socket): RawClient {
    return new RawClient(socket);
  }

  /** Logs in with a cleartext or SCRAM password and reads up to the first ReadyForQuery. */
  static async login(port: number, user: string, password: string, database: string, more: Record<string, string> = {}): Promise<RawClient> {
    const client = await RawClient.open(port);
    await client.authenticate(user, password, database, more);
    return client;
  }

  greeting: Reply[] = [];

  async authenticate(user: string, password: string, database: string, more: Record<string, string> = {}): Promise<void> {
    this.send(startup({ user, database, ...more }));
    for (;;) {
      const reply = await this.next();
      if (reply.type === 'E') throw Object.assign(new Error(fields(reply)['M']), { fields: fields(reply) });
      if (reply.type === 'Z') return;
      if (reply.type !== 'R') {
        this.greeting.push(reply);
        continue;
      }
      const kind = reply.body.readInt32BE(0);
      if (kind === 3) this.send(frame('p', `${password}\0`));
      else if (kind === 10) await this.#scram(password);
    }
  }

  async #scram(password: string): Promise<void> {
    const nonce = randomBytes(12).toString('base64');
    const bare = `n=,r=${nonce}`;
    this.send(frame('p', 'SCRAM-SHA-256\0', int32(bare.length + 3), `n,,${bare}`));
    const first = (await this.next()).body.toString('utf8', 4);
    const attributes = new Map(first.split(',').map((part) => [part.charAt(0), part.slice(2)]));
    const salted = pbkdf2Sync(password, Buffer.from(attributes.get('s') ?? '', 'base64'), Number(attributes.get('i')), 32, 'sha256');
    const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
    const clientKey = hmac(salted, 'Client Key');
    const without = `c=biws,r=${attributes.get('r')}`;
    const signature = hmac(createHash('sha256').update(clientKey).digest(), `${bare},${first},${without}`);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64');
    this.send(frame('p', `${without},p=${proof}`));
  }

  send(...chunks: Buffer[]): void {
    this.socket.write(Buffer.concat(chunks));
  }

  /** The next message; rejects when the connection ends first. */
  async next(): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.ended) throw new Error('the connection ended');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Messages up to and with the `count`-th ReadyForQuery. */
  async untilReady(count = 1): Promise<Reply[]> {
    const replies: Reply[] = [];
    let left = count;
    while (left > 0) {
      const reply = await this.next();
      replies.push(reply);
      if (reply.type === 'Z') left--;
    }
    return replies;
  }

  /** Everything that still comes until the peer closes. */
  async untilClosed(): Promise<Reply[]> {
    while (!this.ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#replies.splice(0);
  }

  async run(...chunks: Buffer[]): Promise<Reply[]> {
    this.send(...chunks);
    return this.untilReady();
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Types of the messages, and the transaction status of each ReadyForQuery: `1 2 C Z:T`. */
export function shape(replies: readonly Reply[]): string {
  return replies.map((reply) => (reply.type === 'Z' ? `Z:${reply.body.toString()}` : reply.type)).join(' ');
}

/** The cells of all DataRows as text. */
export function rowsOf(replies: readonly Reply[]): (string | null)[][] {
  return replies
    .filter((reply) => reply.type === 'D')
    .map(({ body }) => {
      const cells: (string | null)[] = [];
      let at = 2;
      for (let i = body.readInt16BE(0); i > 0; i--) {
        const size = body.readInt32BE(at);
        at += 4;
        cells.push(size < 0 ? null : body.toString('utf8', at, at + size));
        if (size > 0) at += size;
      }
      return cells;
    });
}
