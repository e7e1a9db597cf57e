/**
 * Errors, notices and notifications can carry values of tables (`invalid input syntax for type integer: "…"`, `Key (ssn)=(…) already exists`,
 * RAISE, `relation "…" does not exist` of `quote_ident(ssn)::regclass`). Where data is hidden, the words of the server stay only of errors that it met
 * while it read the text, and of kinds that have the same words always; of all others the SQLSTATE, its meaning, the severity and the names of objects stay.
 * Redteam 6d, D7 and D8. In words that stay detectors look for values, as in text without a tag.
 */
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import { Back, message, readFields, stringEnd } from '../codec/message.js';

/**
 * Classes of SQLSTATE (PostgreSQL documentation, appendix A) whose words are fixed or name what the client named: no data (02), states of transactions
 * (25, 2D, 3B, 40), prepared statements (26), intervention (57). Functions that PostgreSQL brings raise those of names (42, 34, 3D, 3F), of states (55),
 * limits (53, 54) and what is unsupported (0A) with the values that they are given.
 */
const FIXED_CLASSES: ReadonlySet<string> = new Set(['02', '25', '26', '2D', '3B', '40', '57']);
/** A message that does not fit its statement, a lock that is not free, a stack that is too deep. */
const FIXED_CODES: ReadonlySet<string> = new Set(['08P01', '55P03', '54001']);
/** Routines of the server that name what the client's text names, and nothing else: no function calls them. */
const NAMING_ROUTINES: ReadonlySet<string> = new Set(['PerformPortalFetch', 'PerformPortalClose', 'CopyGetAttnums', 'RevalidateCachedQuery']);
/** Raised by PL/pgSQL and external routines, or by nobody knows what. */
const RAISED: ReadonlySet<string> = new Set(['P0', '38', '39', 'XX', '']);
/** What stays of any of them: severity, code, position, and the names of schema, table, column, type and constraint. */
const NAMES = 'SVCPstcdnFLR';
/** Of what code raised, which chooses the names itself: these. */
const RAISED_NAMES = 'SVCPFLR';
/** What the server itself makes of them; anything else is no name. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  S: /^\p{L}{2,16}$/u,
  V: /^[A-Z]{2,16}$/,
  C: /^[0-9A-Z]{5}$/,
  P: /^\d{1,10}$/,
  L: /^\d{1,10}$/,
  F: /^[\w./-]{1,200}$/,
  R: /^\w{1,200}$/,
};
/** Type and length of a message. */
const FRAME_HEAD = 5;
const SAID = 'What the server says here may hold values of the table; policy does not show it.';

/** By SQLSTATE, and by its class. */
const ERROR_WORDS: Readonly<Record<string, string>> = {
  '42501': 'permission denied',
  '42601': 'syntax error',
  '42701': 'a column is there already',
  '42702': 'a column is ambiguous',
  '42703': 'a column does not exist',
  '42704': 'an object does not exist',
  '42710': 'an object is there already',
  '42883': 'a function or operator does not exist',
  '42P01': 'a relation does not exist',
  '42P07': 'a relation is there already',
  '34': 'a cursor does not exist',
  '3D': 'a database does not exist',
  '3F': 'a schema does not exist',
  '42': 'a name, a type or the syntax is wrong, or a permission is missing',
  '53': 'resources of the server do not suffice',
  '54': 'a limit of the server was met',
  '55': 'an object is not in a state for this',
  '0A': 'the server does not support this',
  '22': 'a value does not fit (data exception)',
  '23': 'a constraint is violated',
  P0: 'raised by code of the database',
  '38': 'failed in an external routine',
  XX: 'internal error of the server',
};

/**
 * An ErrorResponse or NoticeResponse, its frame at `buffer[at..next)`; the same bytes where nothing had to go. Null: it is malformed.
 * @param touches what is said may be about hidden data
 */
export function scrubWords(
  buffer: Buffer,
  at: number,
  next: number,
  door: MaskingDoor,
  touches: boolean,
  sink: { found(how: ClassView): void },
): Buffer | null {
  const frame = buffer.subarray(at, next);
  if (!door.view.hides) return frame;
  const fields = readFields(buffer, at + FRAME_HEAD, next);
  if (fields === null) return null;
  const code = fields.get('C') ?? '';
  // Code of the database may say anything, whatever the statement is about.
  const notice = frame[0] === Back.NoticeResponse;
  const raised = (notice ? touches : RAISED.has(code.slice(0, 2))) || saidWithin(fields.get('W'));
  if (!raised && (!touches || isFixed(code) || isOfText(fields) || isNaming(fields))) return searchedWords(frame, door, sink);
  sink.found(door.view.unknown);
  const words = notice ? 'a notice of the server' : (ERROR_WORDS[code] ?? ERROR_WORDS[code.slice(0, 2)] ?? 'the server reports an error');
  const parts: string[] = [];
  for (const [key, value] of fields) if ((raised ? RAISED_NAMES : NAMES).includes(key) && SHAPES[key]?.test(value) !== false) parts.push(`${key}${value}\0`);
  parts.push(`M${words}\0`, `D${SAID}\0`);
  return message(frame[0] ?? Back.ErrorResponse, parts.join(''), '\0');
}

const isFixed = (code: string): boolean => FIXED_CODES.has(code) || FIXED_CLASSES.has(code.slice(0, 2));

/**
 * The server met it while it read the client's text, before it ran anything: then it says where (`P`). Nothing that runs says that: what is read
 * within (a name of a type, the text of a query) has a context (`W`), or a place in its own text (`p`, `q`).
 */
function isOfText(fields: ReadonlyMap<string, string>): boolean {
  return fields.has('P') && !fields.has('W') && !fields.has('p') && !fields.has('q');
}

function isNaming(fields: ReadonlyMap<string, string>): boolean {
  return NAMING_ROUTINES.has(fields.get('R') ?? '') && !fields.has('W');
}

/** Fields that only the server fills: severity, code, positions, and the place in its own source. */
const OWN_WORDS = 'SVCPpFLR';

/** With what detectors find in its fields masked, whatever it is about. */
function searchedWords(frame: Buffer, { scan }: MaskingDoor, sink: { found(how: ClassView): void }): Buffer {
  if (scan === null) return frame;
  const parts: Uint8Array[] = [];
  let kept = FRAME_HEAD;
  for (let at = FRAME_HEAD; at < frame.length && frame[at] !== 0; ) {
    const end = stringEnd(frame, at + 1, frame.length);
    const shown = OWN_WORDS.includes(String.fromCharCode(frame[at] as number)) ? null : scan.mask(frame, at + 1, end, sink);
    if (shown !== null) {
      parts.push(frame.subarray(kept, at + 1), Buffer.from(shown));
      kept = end;
    }
    at = end + 1;
  }
  return parts.length === 0 ? frame : message(frame[0] as number, ...parts, frame.subarray(kept));
}

/** The error was met in a function or in a statement of one, which may be about anything; a line of a COPY is the client's own. */
function saidWithin(context: string | undefined): boolean {
  return context !== undefined && (!context.startsWith('COPY ') || context.includes('\n'));
}

/** Settings whose values code cannot choose freely, of those that a server reports. */
const BOUND: ReadonlySet<string> = new Set([
  'client_encoding',
  'server_encoding',
  'server_version',
  'standard_conforming_strings',
  'integer_datetimes',
  'DateStyle',
  'IntervalStyle',
  'is_superuser',
  'in_hot_standby',
  'default_transaction_read_only',
  'scram_iterations',
]);

/** A ParameterStatus: a setting that a function may have filled with a value of a table. Null: it is malformed. */
export function scrubSetting(buffer: Buffer, at: number, next: number, door: MaskingDoor, touches: boolean): Buffer | null {
  const frame = buffer.subarray(at, next);
  if (!door.view.hides) return frame;
  const end = stringEnd(buffer, at + FRAME_HEAD, next);
  if (end < 0) return null;
  if (!touches) {
    const shown = door.scan?.mask(buffer, end + 1, next - 1, { found: () => undefined }) ?? null;
    return shown === null ? frame : message(Back.ParameterStatus, buffer.subarray(at + FRAME_HEAD, end + 1), shown, '\0');
  }
  const name = buffer.toString('utf8', at + FRAME_HEAD, end);
  if (BOUND.has(name)) return frame;
  return message(Back.ParameterStatus, /^\w{1,63}$/.test(name) ? `${name}\0` : '****\0', '****\0');
}

/** A NotificationResponse: where it comes from is not known, so its payload is not shown. Null: it is malformed. */
export function scrubNotification(buffer: Buffer, at: number, next: number, door: MaskingDoor, sink: { found(how: ClassView): void }): Buffer | null {
  const frame = buffer.subarray(at, next);
  if (!door.view.hides) return frame;
  const channelEnd = next - at < 9 ? -1 : stringEnd(buffer, at + 9, next);
  const end = channelEnd < 0 ? -1 : stringEnd(buffer, channelEnd + 1, next);
  if (end < 0) return null;
  if (end === channelEnd + 1) return frame;
  sink.found(door.view.unknown);
  return message(Back.NotificationResponse, buffer.subarray(at + FRAME_HEAD, channelEnd + 1), '****\0');
}
