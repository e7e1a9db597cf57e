/**
 * Which startup parameters a client may set, and how. The list is an allow-list (redteam 6c): `options`, `search_path`, `role`,
 * `session_replication_role` and the like would change what a statement means after it was decided. Untrusted input.
 */
import { GwError } from '../../contract/gw-error.js';
import type { PreferredAuth } from '../../contract/protocol.js';

/** Settings that only shape output or are limits on the client itself. Compared in lower case, as the server does. */
const ALLOWED = new Set([
  'application_name',
  'bytea_output',
  'client_min_messages',
  'datestyle',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'statement_timeout',
  'timezone',
  'transaction_timeout',
]);

/**
 * Settings that the gateway pins; a client may name them with the pinned value. SQL_ASCII is what libpq asks for in the C locale: such a
 * client gets UTF-8, and is told so by the server's ParameterStatus.
 */
const PINNED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['client_encoding', new Set(['utf8', 'utf-8', 'unicode', "'utf-8'", "'utf8'", 'sql_ascii', ''])],
  ['standard_conforming_strings', new Set(['on', 'true', '1', 'yes'])],
]);

export interface StartupRequest {
  readonly user: string;
  readonly database: string;
  /** What goes to the server besides the gateway's own pins. */
  readonly settings: ReadonlyMap<string, string>;
  /** What the client asked for with `options=-c gw.auth=oauth`; null: nothing. */
  readonly auth: PreferredAuth | null;
  /** Protocol options `_pq_.*`, none of which this version knows. */
  readonly protocolOptions: readonly string[];
}

/**
 * Reads the parameters of a StartupMessage.
 * @throws GwError `protocol.unsupported` for what is not on the list (replication included), `protocol.violation` for a missing user.
 */
export function readStartup(parameters: ReadonlyMap<string, string>): StartupRequest {
  const settings = new Map<string, string>();
  const protocolOptions: string[] = [];
  let auth: PreferredAuth | null = null;
  const set = (name: string, value: string): void => {
    const key = name.toLowerCase();
    if (key === 'gw.auth') {
      if (value !== 'password' && value !== 'oauth') throw refused(`gw.auth=${value}`, 'Give gw.auth=password or gw.auth=oauth.');
      auth = value;
      return;
    }
    const pinned = PINNED.get(key);
    if (pinned !== undefined) {
      if (!pinned.has(value.toLowerCase())) throw refused(`${name}=${value}`, `The gateway pins ${key}; leave it out.`);
      return;
    }
    if (!ALLOWED.has(key)) throw refused(name, 'Leave it out; what may be changed can be changed with SET after the login, where policy allows it.');
    settings.set(key, value);
  };
  for (const [name, value] of parameters) {
    if (name === 'user' || name === 'database') continue;
    if (name.startsWith('_pq_.')) protocolOptions.push(name);
    else if (name === 'replication') {
      if (!['false', 'off', 'no', '0'].includes(value.toLowerCase())) throw refused('replication', 'Replication connections do not go through the gateway.');
    } else if (name === 'options') for (const [key, val] of readOptions(value)) set(key, val);
    else set(name, value);
  }
  const user = parameters.get('user') ?? '';
  if (user === '') throw new GwError('protocol.violation', 'No target name was given as the user of the connection.', { hint: 'Connect with user=TARGET.' });
  return { user, database: parameters.get('database') ?? '', settings, auth, protocolOptions };
}

function refused(what: string, hint: string): GwError {
  return new GwError('protocol.unsupported', `The startup parameter ${what.slice(0, 100)} is not accepted by the gateway.`, { hint });
}

/**
 * `options` as the server splits it: words separated by white space, a backslash quotes the next character; only `-c name=value`,
 * `-cname=value` and `--name=value` are understood, everything else (`-d 5`, say) is refused.
 */
export function readOptions(text: string): [string, string][] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '\\' && i + 1 < text.length) word = (word ?? '') + text.charAt(++i);
    else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  const pairs: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const current = words[i] ?? '';
    let body: string;
    if (current === '-c') body = words[++i] ?? '';
    else if (current.startsWith('--')) body = dashes(current.slice(2));
    else if (current.startsWith('-c')) body = current.slice(2);
    else throw refused(`options=${current}`, 'Only -c name=value is understood in options.');
    const equals = body.indexOf('=');
    if (equals <= 0) throw refused(`options=${current}`, 'Only -c name=value is understood in options.');
    pairs.push([body.slice(0, equals), body.slice(equals + 1)]);
  }
  return pairs;
}

/** In `--name=value` the server reads dashes of the name as underscores; the value stays as it is. */
function dashes(pair: string): string {
  const equals = pair.indexOf('=');
  return equals < 0 ? pair : pair.slice(0, equals).replaceAll('-', '_') + pair.slice(equals);
}
