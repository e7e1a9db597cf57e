/**
 * What a terminal showed, as bytes: for each event u8 code, u48 milliseconds since the beginning, u32 length, data (big-endian). A frame holds
 * whole events. What is typed is not among them: what a program echoes is in its output, and what it hides (a password) stays hidden.
 */
export const TERMINAL_EVENT = {
  /** JSON {command, cols, rows, term}: the beginning. */
  begin: 0x62,
  output: 0x6f,
  /** Standard error, where the program had no terminal and so keeps it apart. */
  error: 0x65,
  /** `COLSxROWS` */
  resize: 0x72,
  /** Id of a session at the gateway that was opened for the program. */
  session: 0x73,
  /** JSON {code} or {signal}: the end. */
  exit: 0x78,
} as const;

export interface TerminalEvent {
  readonly code: number;
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly data: Buffer;
}

const HEAD_BYTES = 11;
const CODES = new Set<number>(Object.values(TERMINAL_EVENT));

export function encodeEvent({ code, at, data }: TerminalEvent): Buffer {
  const event = Buffer.allocUnsafe(HEAD_BYTES + data.length);
  event.writeUInt8(code, 0);
  event.writeUIntBE(at, 1, 6);
  event.writeUInt32BE(data.length, 7);
  data.copy(event, HEAD_BYTES);
  return event;
}

/** The events of one frame; null: it holds something else. */
export function decodeEvents(frame: Buffer): TerminalEvent[] | null {
  const events: TerminalEvent[] = [];
  for (let at = 0; at < frame.length; ) {
    if (frame.length - at < HEAD_BYTES) return null;
    const code = frame.readUInt8(at);
    const length = frame.readUInt32BE(at + 7);
    const end = at + HEAD_BYTES + length;
    if (!CODES.has(code) || end > frame.length) return null;
    events.push({ code, at: frame.readUIntBE(at + 1, 6), data: frame.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return events;
}
