/** Reads the first message of a tunnel. From an unauthenticated peer: shape, sizes and characters are checked before any use. */
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { decodeFrame } from '../tunnel/frame.js';
import type { Conn } from './accept.js';
import type { AskingTerms } from './hold.js';

export interface TunnelRequest {
  readonly target: string;
  /** Account at the target; null: none is named. */
  readonly account: string | null;
  readonly token: Secret;
  readonly secret: Secret;
  readonly client: string;
  readonly terms: AskingTerms;
  /** Recording that the client makes; null: none. */
  readonly recording: string | null;
}

/** D16: free text of a requester has a limit. */
const REASON_LIMIT = 1_024;
const TICKET_LIMIT = 200;
const RECORDING_LIMIT = 60;
const ACCOUNT_LIMIT = 300;

export async function readTunnelHello(conn: Conn): Promise<TunnelRequest> {
  let buffer: Buffer = Buffer.alloc(0);
  for (;;) {
    const decoded = decodeFrame(buffer);
    if (decoded !== null) {
      if (decoded.rest.length > 0) conn.unread(Buffer.from(decoded.rest));
      return parse(decoded.value);
    }
    buffer = Buffer.concat([buffer, await conn.read()]);
  }
}

function parse(value: Record<string, unknown>): TunnelRequest {
  const text = (name: string, limit: number): string => {
    const field = value[name];
    if (typeof field !== 'string' || field === '' || field.length > limit)
      throw new GwError('protocol.violation', `The tunnel's first message has no valid "${name}".`);
    return field;
  };
  const secret = text('secret', 128);
  // A short secret could be guessed by another user of the client's machine.
  if (!/^[A-Za-z0-9_-]{43,128}$/.test(secret)) throw new GwError('protocol.violation', 'The tunnel\'s first message has no valid "secret".');
  return {
    target: text('target', 128),
    account: optionalText(value['account'], 'account', ACCOUNT_LIMIT),
    token: new Secret(text('token', 16_384)),
    secret: new Secret(secret),
    client: text('client', 256),
    terms: {
      reason: optionalText(value['reason'], 'reason', REASON_LIMIT),
      ticket: optionalText(value['ticket'], 'ticket', TICKET_LIMIT),
      waitMs: waitOf(value['wait']),
      breakGlass: value['breakGlass'] === true,
    },
    recording: optionalText(value['recording'], 'recording', RECORDING_LIMIT),
  };
}

function optionalText(value: unknown, what: string, limit: number): string | null {
  const text = value ?? null;
  if (text !== null && (typeof text !== 'string' || text.length > limit))
    throw new GwError('protocol.violation', `A ${what} is a text of at most ${limit} characters.`);
  return text;
}

/** Milliseconds; null: until the request expires. */
function waitOf(value: unknown): number | null {
  const wait = value ?? null;
  if (wait === null || (typeof wait === 'number' && Number.isSafeInteger(wait) && wait >= 0)) return wait;
  throw new GwError('protocol.violation', 'The time to wait for approval is a number of milliseconds.');
}
