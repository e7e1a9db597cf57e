/**
 * Login towards the target with the credential that the gateway holds: TLS as the options demand, then SCRAM-SHA-256(-PLUS), md5 or
 * cleartext, then the server's parameters up to its first ReadyForQuery. The server is untrusted: it may not make the gateway give a
 * password in the clear over a plain connection, and may not change the pinned settings.
 */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Secret } from '../../base/secret.js';
import { GwError } from '../../contract/gw-error.js';
import type { UpstreamConnection, UpstreamReady } from '../../contract/protocol.js';
import type { Target } from '../../contract/target.js';
import { serverEndPoint } from './channel-binding.js';
import { Back, Front, int32, message, readFields } from './codec/message.js';
import { cancelRequest, sslRequest, startupMessage } from './codec/startup.js';
import type { PostgresStartup } from './login.js';
import type { PostgresOptions } from './options.js';
import { READ_ONLY_SETTING, startedReadOnly } from './read-only.js';
import { type ChannelBinding, ScramClient } from './scram.js';
import { ServerMessages } from './server-messages.js';

const LOGIN_MESSAGES = 1_000;

/** What the engine greets the client with, and cancels by. */
export interface PostgresReady {
  /** ParameterStatus messages as the server sent them. */
  readonly greeting: Buffer;
  /** Process id and secret of the server's backend. */
  readonly cancelKey: Buffer | null;
  readonly transactionStatus: number;
}

interface Credential {
  readonly username: string;
  readonly password: Secret | null;
}

export async function connect(
  connection: UpstreamConnection,
  target: Target,
  credential: Credential,
  startup: unknown,
  readOnly: boolean,
): Promise<UpstreamReady> {
  const options = target.options as PostgresOptions;
  const { settings, database } = startup as PostgresStartup;
  const chosen = chooseDatabase(target.name, options, database, credential.username);
  const tls = await negotiateTls(connection, options);
  connection.write(
    startupMessage({
      user: credential.username,
      database: chosen,
      ...Object.fromEntries(settings),
      ...options.settings,
      client_encoding: 'UTF8',
      standard_conforming_strings: 'on',
      ...(readOnly ? { [READ_ONLY_SETTING]: 'on' } : {}),
    }),
  );
  const messages = new ServerMessages(connection);
  await authenticate(connection, messages, credential, tls);
  const state = await greeting(messages);
  // PostgreSQL 14 and newer report it. What does not (a pooler, say) may have dropped it, and could not be watched.
  if (readOnly && !startedReadOnly(state.greeting))
    throw new GwError('target.protocol', 'The target does not confirm that the connection is read-only, and policy grants this session only reads.');
  const rest = messages.rest();
  if (rest.length > 0) connection.unread(rest);
  return { state, scope: chosen };
}

/** Stops what the backend behind `key` runs, on a fresh connection, encrypted as the session's own (PostgreSQL 17's rule). */
export async function cancel(connection: UpstreamConnection, target: Target, key: Buffer): Promise<void> {
  await negotiateTls(connection, target.options as PostgresOptions);
  connection.write(cancelRequest(key));
}

function chooseDatabase(target: string, options: PostgresOptions, asked: string, username: string): string {
  const own = options.database ?? username;
  if (asked === '' || asked === own) return own;
  if (options.databases.includes(asked) || options.databases.includes('*')) return asked;
  throw new GwError('policy.connect_denied', `The target ${target} does not give access to the database "${asked.slice(0, 63)}".`, {
    hint: `Leave the database name out, or name the target: dbname=${target}.`,
  });
}

async function negotiateTls(connection: UpstreamConnection, options: PostgresOptions): Promise<TLSSocket | null> {
  const { mode, ca, servername } = options.tls;
  if (mode === 'disable') return null;
  connection.write(sslRequest());
  const answer = await connection.read();
  if (answer.length !== 1) throw new GwError('target.protocol', 'The target sent unencrypted data in the TLS negotiation.');
  if (answer[0] !== 0x53) throw new GwError('target.unreachable', 'The target does not speak TLS, and its configuration demands it.');
  return connection.startTls({ rejectUnauthorized: mode !== 'require', ca, servername, verifyHost: mode === 'verify-full' });
}

async function authenticate(connection: UpstreamConnection, messages: ServerMessages, credential: Credential, tls: TLSSocket | null): Promise<void> {
  let scram: ScramClient | null = null;
  let scramVerified = false;
  for (let count = 0; count < LOGIN_MESSAGES; count++) {
    const { type, body } = await messages.next();
    if (type === Back.ErrorResponse) throw loginError(body);
    if (type === Back.NoticeResponse || type === Back.NegotiateProtocolVersion) continue;
    if (type !== Back.Authentication || body.length < 4) throw unexpected(type);
    const password = (): string => {
      if (credential.password === null) throw new GwError('target.credential', 'The target asks for a password, and none is configured.');
      return credential.password.expose();
    };
    const kind = body.readInt32BE(0);
    if (kind === 0) {
      // A server that skips the end of SCRAM has not proved that it knows the password.
      if (scram !== null && !scramVerified) throw new GwError('target.protocol', 'The target ended the SCRAM exchange early.');
      return;
    }
    if (kind === 3) {
      if (tls === null)
        throw new GwError('target.credential', 'The target asks for a cleartext password over a plain connection; the gateway does not send it.');
      connection.write(message(Front.Password, `${password()}\0`));
    } else if (kind === 5 && body.length === 8) {
      connection.write(message(Front.Password, `${md5Response(credential.username, password(), body.subarray(4))}\0`));
    } else if (kind === 10) {
      scram = startScram(body, password(), tls);
      connection.write(message(Front.Password, `${scram.mechanism}\0`, int32(Buffer.byteLength(scram.first)), scram.first));
    } else if (kind === 11 && scram !== null) {
      connection.write(message(Front.Password, await scram.final(body.toString('utf8', 4))));
    } else if (kind === 12 && scram !== null) {
      scram.verify(body.toString('utf8', 4));
      scramVerified = true;
    } else {
      throw new GwError('target.credential', `The target asks for an authentication method (${kind}) that the gateway does not speak.`);
    }
  }
  throw new GwError('target.protocol', 'The target does not come to an end of its login.');
}

function startScram(body: Buffer, password: string, tls: TLSSocket | null): ScramClient {
  const offered = body.toString('latin1', 4).split('\0');
  let binding: ChannelBinding | null = null;
  if (tls !== null) {
    const certificate = tls.getPeerCertificate().raw as Buffer | undefined;
    const data = certificate === undefined ? null : serverEndPoint(certificate);
    if (data !== null) binding = { type: 'tls-server-end-point', data };
  }
  if (binding !== null && offered.includes('SCRAM-SHA-256-PLUS')) return new ScramClient(password, binding, true);
  if (offered.includes('SCRAM-SHA-256')) return new ScramClient(password, null, binding !== null);
  throw new GwError('target.credential', 'The target offers no SASL mechanism that the gateway speaks.');
}

function md5Response(username: string, password: string, salt: Uint8Array): string {
  const inner = createHash('md5')
    .update(password + username)
    .digest('hex');
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`;
}

async function greeting(messages: ServerMessages): Promise<PostgresReady> {
  const kept: Buffer[] = [];
  let cancelKey: Buffer | null = null;
  for (let count = 0; count < LOGIN_MESSAGES; count++) {
    const { type, body, raw } = await messages.next();
    if (type === Back.ErrorResponse) throw loginError(body);
    if (type === Back.ReadyForQuery) {
      if (body.length !== 1) throw unexpected(type);
      return { greeting: Buffer.concat(kept), cancelKey, transactionStatus: body[0] ?? 0 };
    }
    if (type === Back.BackendKeyData) {
      if (body.length < 8 || body.length > 260) throw unexpected(type);
      cancelKey = Buffer.from(body);
    } else if (type === Back.ParameterStatus) {
      checkPinned(body);
      kept.push(raw);
    } else if (type !== Back.NoticeResponse) throw unexpected(type);
  }
  throw new GwError('target.protocol', 'The target does not come to an end of its login.');
}

/**
 * Statements are read as UTF-8 with standard strings; where the server reads them otherwise, the same bytes mean something else
 * (redteam 6c). `body` is that of a ParameterStatus.
 * @throws GwError `target.protocol` when the server reports another value.
 */
export function checkPinned(body: Buffer): void {
  const [name, value] = body.toString('utf8').split('\0');
  if (name === 'standard_conforming_strings' && value !== 'on')
    throw new GwError('target.protocol', 'The target turned standard_conforming_strings off; statements could not be judged.');
  if (name === 'client_encoding' && value !== 'UTF8')
    throw new GwError('target.protocol', 'The target left the client encoding UTF8; statements could not be judged.');
}

/** The server's own words may tell the gateway's account name and its network: they go to the log, not to the client. */
function loginError(body: Buffer): GwError {
  const fields = readFields(body, 0, body.length);
  const sqlstate = fields?.get('C') ?? '';
  const cause = new GwError('target.protocol', fields?.get('M') ?? 'unreadable ErrorResponse');
  if (sqlstate.startsWith('28')) return new GwError('target.credential', "The target refused the gateway's credential.", { cause });
  if (sqlstate === '3D000') return new GwError('target.unreachable', 'The target has no database of this name.', { cause });
  return new GwError('target.unreachable', `The target refused the connection (SQLSTATE ${/^[0-9A-Z]{5}$/.test(sqlstate) ? sqlstate : 'unknown'}).`, { cause });
}

function unexpected(type: number): GwError {
  return new GwError('target.protocol', `The target sent an unexpected message (type ${type}) in its login.`);
}
