/**
 * Builders and readers for single PostgreSQL messages (protocol 3.0, PostgreSQL documentation chapter "Message Formats"). Pure: bytes to
 * values and back. Readers never trust a length: what does not fit gives null.
 */

/** Message type bytes, client to server. */
export const Front = {
  Bind: 0x42,
  Close: 0x43,
  CopyData: 0x64,
  CopyDone: 0x63,
  CopyFail: 0x66,
  Describe: 0x44,
  Execute: 0x45,
  Flush: 0x48,
  FunctionCall: 0x46,
  Parse: 0x50,
  Password: 0x70,
  Query: 0x51,
  Sync: 0x53,
  Terminate: 0x58,
} as const;

/** Message type bytes, server to client. */
export const Back = {
  Authentication: 0x52,
  BackendKeyData: 0x4b,
  BindComplete: 0x32,
  CloseComplete: 0x33,
  CommandComplete: 0x43,
  CopyBothResponse: 0x57,
  CopyData: 0x64,
  CopyDone: 0x63,
  CopyInResponse: 0x47,
  CopyOutResponse: 0x48,
  DataRow: 0x44,
  EmptyQueryResponse: 0x49,
  ErrorResponse: 0x45,
  NegotiateProtocolVersion: 0x76,
  NoData: 0x6e,
  NoticeResponse: 0x4e,
  NotificationResponse: 0x41,
  ParameterDescription: 0x74,
  ParameterStatus: 0x53,
  ParseComplete: 0x31,
  PortalSuspended: 0x73,
  ReadyForQuery: 0x5a,
  RowDescription: 0x54,
} as const;

/** One message: type byte, length, body parts. Strings are written as given; add the terminating NUL where the format wants one. */
export function message(type: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  let length = 4;
  for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  const out = Buffer.allocUnsafe(1 + length);
  out[0] = type;
  out.writeUInt32BE(length, 1);
  let at = 5;
  for (const part of parts) {
    if (typeof part === 'string') at += out.write(part, at);
    else {
      out.set(part, at);
      at += part.length;
    }
  }
  return out;
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value | 0, 0);
  return out;
}

/** Index of the NUL that ends a string starting at `from`, or -1 when none comes before `end`. */
export function stringEnd(buffer: Uint8Array, from: number, end: number): number {
  const at = buffer.indexOf(0, from);
  return at >= 0 && at < end ? at : -1;
}

/** Fields of an ErrorResponse or NoticeResponse body (`buffer[start..end)`), by their one-letter codes. Null: malformed. */
export function readFields(buffer: Buffer, start: number, end: number): Map<string, string> | null {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end) {
    const code = buffer[at];
    if (code === 0) return fields;
    const stop = stringEnd(buffer, at + 1, end);
    if (stop < 0 || code === undefined) return null;
    fields.set(String.fromCharCode(code), buffer.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  return null;
}

/** NULs would end a field early and let text pass for another field. */
const clean = (text: string): string => text.replaceAll('\0', ' ');

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL' | 'WARNING' | 'NOTICE';
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** An ErrorResponse (or, for severity NOTICE and WARNING, a NoticeResponse) of the gateway's own. */
export function errorResponse(fields: ErrorFields): Buffer {
  let body = `S${fields.severity}\0V${fields.severity}\0C${fields.sqlstate}\0M${clean(fields.message)}\0`;
  if (fields.detail !== undefined && fields.detail !== '') body += `D${clean(fields.detail)}\0`;
  if (fields.hint !== undefined && fields.hint !== '') body += `H${clean(fields.hint)}\0`;
  return message(fields.severity === 'NOTICE' || fields.severity === 'WARNING' ? Back.NoticeResponse : Back.ErrorResponse, `${body}\0`);
}

export function readyForQuery(status: number): Buffer {
  return message(Back.ReadyForQuery, Uint8Array.of(status));
}
