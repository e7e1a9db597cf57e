/** A target that sends and takes bulk at the speed of its reader, and the check of such a stream byte for byte without keeping it. */
import type { Socket } from 'node:net';
import { complete, dataRow, ready, rowDescription, type StubConnection, type StubOptions } from '../protocols/postgres/hostile/stub-server.js';
import { frame, type Reply } from '../support/raw-client.js';

const ROW = 8_000;
const ROWS = 128;

/** `SELECT 'pattern N'`: N rows that hold nothing but the pattern's character. */
export const bulkQuery = (pattern: string, rows: number): string => `SELECT '${pattern} ${rows}'`;

const block = (pattern: string): Buffer => Buffer.concat(Array.from({ length: ROWS }, () => dataRow(pattern.repeat(ROW))));

export interface BulkStub {
  readonly options: StubOptions;
  /** Bytes that were handed to the kernel or to its queue. */
  sent(): number;
  /** COPY input that was read. */
  taken(): number;
  /** Stops and restarts reading. */
  hold(held: boolean): void;
}

export function bulkStub(): BulkStub {
  let sent = 0;
  let taken = 0;
  let held = false;
  const sockets = new Set<Socket>();
  const send = ({ socket }: StubConnection, pattern: string, rows: number): void => {
    const bytes = block(pattern);
    let left = rows;
    socket.write(rowDescription());
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= ROWS;
        sent += bytes.length;
        if (!socket.write(bytes)) {
          socket.once('drain', more);
          return;
        }
      }
      if (left <= 0) socket.write(Buffer.concat([complete(`SELECT ${rows}`), ready()]));
    };
    more();
  };
  const onMessage = (connection: StubConnection, { type, body }: Reply): void => {
    const [, pattern, rows] = /^SELECT '(.) (\d+)'/.exec(body.toString('latin1', 0, 50)) ?? [];
    if (type === 'Q' && pattern !== undefined) send(connection, pattern, Number(rows));
    else if (type === 'Q') {
      sockets.add(connection.socket);
      connection.socket.write(frame('G', Buffer.from([0, 0, 0])));
      if (held) connection.socket.pause();
    } else if (type === 'd') {
      taken += body.length;
      connection.messages.length = 0;
    } else if (type === 'c') connection.socket.write(Buffer.concat([complete('COPY 1'), ready()]));
  };
  return {
    options: { onMessage },
    sent: () => sent,
    taken: () => taken,
    hold: (value) => {
      held = value;
      for (const socket of sockets)
        if (value) socket.pause();
        else socket.resume();
    },
  };
}

/** Holds a stream against what `bulkQuery` must give; throws at the first byte of another session. */
export class BulkCheck {
  readonly #expected: Buffer;
  readonly #period: number;
  readonly #body: number;
  readonly #tail: Buffer;
  readonly #head = rowDescription();
  #at = 0;
  done = false;

  constructor(pattern: string, rows: number) {
    this.#expected = Buffer.concat([block(pattern), block(pattern)]);
    this.#period = dataRow(pattern.repeat(ROW)).length;
    this.#body = this.#period * rows;
    this.#tail = Buffer.concat([complete(`SELECT ${rows}`), ready()]);
  }

  get received(): number {
    return this.#at;
  }

  take(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length) {
      const inBody = this.#at - this.#head.length;
      let expected: Buffer;
      if (inBody < 0) expected = this.#head.subarray(this.#at);
      else if (inBody < this.#body) {
        const start = inBody % this.#period;
        expected = this.#expected.subarray(start, start + Math.min(this.#expected.length - start, this.#body - inBody));
      } else expected = this.#tail.subarray(inBody - this.#body);
      const size = Math.min(expected.length, chunk.length - from);
      if (size === 0) throw new Error(`${chunk.length - from} bytes too many`);
      if (chunk.compare(expected, 0, size, from, from + size) !== 0) throw new Error(`another byte than expected within ${size} from offset ${this.#at}`);
      from += size;
      this.#at += size;
    }
    this.done = this.#at === this.#head.length + this.#body + this.#tail.length;
  }
}

export const bulkRows = (bytes: number): number => Math.ceil(bytes / (ROW * ROWS)) * ROWS;
