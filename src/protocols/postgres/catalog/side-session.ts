/**
 * Plain queries on a connection of the gateway's own, after `connect`. The server is untrusted: rows and bytes of one answer are bounded, and
 * what does not fit the protocol ends the exchange. A statement that fails is a value; a connection that fails throws.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { UpstreamConnection } from '../../../contract/protocol.js';
import { SERVER_MESSAGE_LIMIT } from '../codec/limits.js';
import { Back, Front, message } from '../codec/message.js';
import { ServerMessages } from '../server-messages.js';

export type Row = readonly (string | null)[];

export interface Answer {
  readonly rows: readonly Row[];
  /** SQLSTATE of what went wrong; null: nothing. */
  readonly error: string | null;
}

export class SideSession {
  readonly #connection: UpstreamConnection;
  readonly #messages: ServerMessages;

  /** `byteLimit`: of everything that comes as long as this lives. */
  constructor(connection: UpstreamConnection, byteLimit: number) {
    this.#connection = connection;
    this.#messages = new ServerMessages(connection, SERVER_MESSAGE_LIMIT, byteLimit);
  }

  /** @throws GwError `target.protocol` for too much, or what is no answer; whatever the connection throws. */
  async query(text: string): Promise<Answer> {
    this.#connection.write(message(Front.Query, `${text}\0`));
    const rows: Row[] = [];
    let error: string | null = null;
    for (;;) {
      const { type, body } = await this.#messages.next();
      if (type === Back.ReadyForQuery) return { rows, error };
      if (type === Back.DataRow) rows.push(cells(body));
      else if (type === Back.ErrorResponse) error = /(?:^|\0)C([0-9A-Z]{5})\0/.exec(body.toString('latin1'))?.[1] ?? 'unknown';
    }
  }

  /** As `query`, for what must not fail. */
  async rows(text: string): Promise<readonly Row[]> {
    const { rows, error } = await this.query(text);
    if (error !== null) throw new GwError('target.protocol', `The target did not answer a question about its catalog (SQLSTATE ${error}).`);
    return rows;
  }

  /** Gives back what came behind the last answer. */
  release(): void {
    const rest = this.#messages.rest();
    if (rest.length > 0) this.#connection.unread(rest);
  }
}

function cells(body: Buffer): Row {
  const malformed = (): GwError => new GwError('target.protocol', 'The target sent a malformed row.');
  if (body.length < 2) throw malformed();
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    if (at + 4 > body.length) throw malformed();
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) {
      row.push(null);
      continue;
    }
    if (at + length > body.length) throw malformed();
    row.push(body.toString('utf8', at, at + length));
    at += length;
  }
  return row;
}
