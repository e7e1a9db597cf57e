/**
 * The bytes of a result as psql shows them: tables, tags, errors, notices, COPY lines. The bytes are a record and untrusted: each length is
 * checked, and what is no message, or ends in the middle of one, is said in a line of its own.
 */
import { visible } from '../../../base/visible-text.js';
import { MESSAGE_LIMIT } from '../codec/limits.js';
import { Back, readFields, stringEnd } from '../codec/message.js';
import { type Field, readRowDescription } from '../masking/row-description.js';
import { resultFormats } from './result-formats.js';
import { type RawRow, resultTable } from './result-table.js';

const HEAD = 5;
const BINARY_COPY = 1;

export function renderResult(bytes: Buffer, parameters: Uint8Array | null): readonly string[] {
  const screen = new Screen(parameters === null ? [] : resultFormats(parameters));
  let at = 0;
  while (bytes.length - at >= HEAD) {
    const length = bytes.readUInt32BE(at + 1);
    if (length < 4 || length > MESSAGE_LIMIT) {
      screen.say(`(${bytes.length - at} bytes that are no message)`);
      at = bytes.length;
      break;
    }
    const next = at + 1 + length;
    if (next > bytes.length) break;
    screen.take(bytes[at] ?? 0, bytes, at + HEAD, next);
    at = next;
  }
  screen.settle();
  if (at < bytes.length) screen.say(`(the last message is not complete: ${bytes.length - at} of its bytes were kept)`);
  return screen.lines;
}

class Screen {
  readonly lines: string[] = [];
  readonly #formats: readonly number[];
  #fields: readonly Field[] | null = null;
  #rows: RawRow[] = [];
  /** A description came, so a table is due even without rows. */
  #due = false;
  #binaryCopy = false;

  constructor(formats: readonly number[]) {
    this.#formats = formats;
  }

  say(line: string): void {
    this.lines.push(line);
  }

  /** One message whose body is at `buffer[start..end)`. */
  take(type: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case Back.RowDescription:
        this.settle();
        this.#fields = readRowDescription(buffer, start, end);
        this.#due = this.#fields !== null;
        if (this.#fields === null) this.say('(a description of columns that cannot be read)');
        return;
      case Back.DataRow: {
        const row = readRow(buffer, start, end);
        if (row === null) this.say('(a row that cannot be read)');
        else this.#rows.push(row);
        return;
      }
      case Back.CommandComplete: {
        const stop = stringEnd(buffer, start, end);
        const tag = visible(buffer.toString('utf8', start, stop < 0 ? end : stop));
        const shown = this.settle();
        // psql shows the number of rows in the place of the tag of a SELECT.
        if (!shown || !tag.startsWith('SELECT')) this.say(tag);
        this.#fields = null;
        return;
      }
      case Back.PortalSuspended:
        this.settle();
        this.say('(more rows were not fetched yet)');
        return;
      case Back.ErrorResponse:
      case Back.NoticeResponse:
        this.settle();
        this.#words(buffer, start, end);
        return;
      case Back.CopyOutResponse:
      case Back.CopyInResponse:
        this.settle();
        this.#binaryCopy = buffer[start] === BINARY_COPY;
        if (type === Back.CopyInResponse) this.say('(input follows)');
        return;
      case Back.CopyData:
        if (this.#binaryCopy) this.say(`\\x${buffer.toString('hex', start, Math.min(end, start + 64))}${end - start > 64 ? `… (${end - start} bytes)` : ''}`);
        else this.say(visible(buffer.toString('utf8', start, end).replace(/\n$/, '')));
        return;
      case Back.CopyDone:
      case Back.EmptyQueryResponse:
        return;
      case Back.ParameterStatus:
        this.say(`(the server's setting ${visible(buffer.toString('utf8', start, end).replace('\0', ' is now ').replace(/\0$/, ''))})`);
        return;
      case Back.NotificationResponse:
        this.#notification(buffer, start, end);
        return;
      default:
        this.say(`(a message of type ${type}, ${end - start} bytes)`);
    }
  }

  /** Shows the rows that came. True: there was a table. */
  settle(): boolean {
    if (!this.#due && this.#rows.length === 0) return false;
    for (const line of resultTable(this.#fields, this.#rows, this.#formats)) this.say(line);
    this.say(this.#rows.length === 1 ? '(1 row)' : `(${this.#rows.length} rows)`);
    this.#rows = [];
    this.#due = false;
    return true;
  }

  #words(buffer: Buffer, start: number, end: number): void {
    const fields = readFields(buffer, start, end);
    if (fields === null) {
      this.say('(words of the server that cannot be read)');
      return;
    }
    const field = (code: string): string => visible(fields.get(code) ?? '');
    this.say(`${field('S')}:  ${field('M')}${fields.get('V') === 'NOTICE' ? '' : ` (SQLSTATE ${field('C')})`}`);
    for (const [code, name] of [
      ['D', 'DETAIL'],
      ['H', 'HINT'],
      ['W', 'CONTEXT'],
    ] as const)
      if (fields.has(code)) this.say(`${name}:  ${field(code)}`);
  }

  #notification(buffer: Buffer, start: number, end: number): void {
    if (end - start < 6) {
      this.say('(a notification that cannot be read)');
      return;
    }
    const [channel = '', payload = ''] = buffer.toString('utf8', start + 4, end).split('\0');
    const extra = payload === '' ? '' : ` with payload "${visible(payload)}"`;
    this.say(`Asynchronous notification "${visible(channel)}"${extra} received from server process with PID ${buffer.readUInt32BE(start)}.`);
  }
}

/** The values of a DataRow; null: it is malformed. */
function readRow(buffer: Buffer, start: number, end: number): RawRow | null {
  if (end - start < 2) return null;
  const values: (Buffer | null)[] = [];
  let at = start + 2;
  for (let left = buffer.readUInt16BE(start); left > 0; left--) {
    if (end - at < 4) return null;
    const size = buffer.readInt32BE(at);
    at += 4;
    if (size < -1 || size > end - at) return null;
    values.push(size === -1 ? null : buffer.subarray(at, at + size));
    at += Math.max(0, size);
  }
  return at === end ? values : null;
}
