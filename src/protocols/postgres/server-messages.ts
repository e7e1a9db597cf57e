/** Reads whole server messages of the gateway's own exchanges with the target: its login, by default. Lengths are the target's word: bounded, never trusted. */
import { GwError } from '../../contract/gw-error.js';
import type { UpstreamConnection } from '../../contract/protocol.js';
import { SERVER_LOGIN_LIMIT, SERVER_LOGIN_TOTAL } from './codec/limits.js';

export interface ServerMessage {
  readonly type: number;
  readonly body: Buffer;
  /** The whole message as it came. */
  readonly raw: Buffer;
}

export class ServerMessages {
  readonly #connection: UpstreamConnection;
  readonly #limit: number;
  readonly #totalLimit: number;
  #buffer: Buffer = Buffer.alloc(0);
  #total = 0;

  /** Limits in bytes: of one message, and of all that this reads. */
  constructor(connection: UpstreamConnection, limit = SERVER_LOGIN_LIMIT, totalLimit = SERVER_LOGIN_TOTAL) {
    this.#connection = connection;
    this.#limit = limit;
    this.#totalLimit = totalLimit;
  }

  async next(): Promise<ServerMessage> {
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length >= 5) {
        const length = buffer.readUInt32BE(1);
        if (length < 4 || length > this.#limit) throw new GwError('target.protocol', 'The target sent a message of impossible length.');
        if (buffer.length >= 1 + length) {
          this.#buffer = buffer.subarray(1 + length);
          this.#total += 1 + length;
          if (this.#total > this.#totalLimit) throw new GwError('target.protocol', 'The target sent more than its answer needs.');
          return { type: buffer[0] ?? 0, body: buffer.subarray(5, 1 + length), raw: buffer.subarray(0, 1 + length) };
        }
      }
      const more = await this.#connection.read();
      this.#buffer = buffer.length === 0 ? more : Buffer.concat([buffer, more]);
    }
  }

  /** Bytes that came behind the last message. */
  rest(): Buffer {
    return this.#buffer;
  }
}
