/**
 * The two JSON messages that open a `gw-tunnel/1` connection (TunnelHello, TunnelReply): u32 big-endian length, then UTF-8 JSON. After
 * them the connection carries the target protocol's own bytes and this codec is done. Input from both sides is untrusted.
 */
import { GwError } from '../contract/gw-error.js';

export const TUNNEL_ALPN = 'gw-tunnel/1';

/** Largest message either side accepts, bytes. A token with many group claims is a few KiB. */
export const FRAME_LIMIT = 65_536;

export function encodeFrame(value: object): Buffer {
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  if (body.length > FRAME_LIMIT) throw new GwError('protocol.violation', `The tunnel message of ${body.length} bytes is over the limit of ${FRAME_LIMIT}.`);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/**
 * Reads one message from the front of `buffer`. Null: more bytes are needed.
 * @throws GwError `protocol.violation` as soon as the length is over the limit or the body is not a JSON object.
 */
export function decodeFrame(buffer: Buffer): { readonly value: Record<string, unknown>; readonly rest: Buffer } | null {
  if (buffer.length < 4) return null;
  const length = buffer.readUInt32BE(0);
  if (length > FRAME_LIMIT) throw new GwError('protocol.violation', `A tunnel message of ${length} bytes is over the limit of ${FRAME_LIMIT}.`);
  if (buffer.length < 4 + length) return null;
  let value: unknown;
  try {
    value = JSON.parse(buffer.toString('utf8', 4, 4 + length));
  } catch (cause) {
    throw new GwError('protocol.violation', 'A tunnel message is not JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GwError('protocol.violation', 'A tunnel message is not a JSON object.');
  }
  return { value: value as Record<string, unknown>, rest: buffer.subarray(4 + length) };
}
