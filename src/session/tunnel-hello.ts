/** Reads the first message of a tunnel. From an unauthenticated peer: shape, sizes and characters are checked before any use. */
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { decodeFrame } from '../tunnel/frame.js';
import type { Conn } from './accept.js';

export interface TunnelRequest {
  readonly target: string;
  readonly token: Secret;
  readonly secret: Secret;
  readonly reason: string | null;
  readonly client: string;
}

/** D16: free text of a requester has a limit. */
const REASON_LIMIT = 1_024;

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
  const reason = value['reason'] ?? null;
  if (reason !== null && (typeof reason !== 'string' || reason.length > REASON_LIMIT))
    throw new GwError('protocol.violation', `A reason is a text of at most ${REASON_LIMIT} characters.`);
  return { target: text('target', 128), token: new Secret(text('token', 16_384)), secret: new Secret(secret), reason, client: text('client', 256) };
}
