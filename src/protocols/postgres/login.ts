/**
 * Login, client side: encryption negotiation, version negotiation, startup parameters, and the credential — a token as the password
 * (cleartext inside TLS), a token by SASL OAUTHBEARER (RFC 7628, as PostgreSQL 18 speaks it), or the local port's secret. Everything read
 * here comes from an unauthenticated client; the deadline and the connection limits run outside (session/accept).
 */
import { Secret } from '../../base/secret.js';
import { GwError } from '../../contract/gw-error.js';
import type { LoginConnection, LoginRequest } from '../../contract/protocol.js';
import { PASSWORD_LIMIT } from './codec/limits.js';
import { Back, Front, int32, message } from './codec/message.js';
import { type FirstMessage, negotiateVersion, readFirst } from './codec/startup.js';
import { noticeResponse, refuse } from './refusal.js';
import { readStartup, type StartupRequest } from './startup-parameters.js';

const ALPN = ['postgresql'];
const TLS_HANDSHAKE = 0x16;
const AUTH_CLEARTEXT = 3;
const AUTH_SASL = 10;
const AUTH_SASL_CONTINUE = 11;

/** What `connect` and `engine` need to know of the client's startup. */
export interface PostgresStartup {
  readonly settings: ReadonlyMap<string, string>;
  readonly database: string;
  /** The client has been told that its login stands. */
  welcomed: boolean;
}

/** RFC 7628 section 3.1: a GS2 header without channel binding or another identity, then `key=value` parts, each ended by ^A, and ^A. */
const OAUTH_MESSAGE = /^[ny],,\u0001((?:[A-Za-z]+=[\t\n\r\x20-\x7e]*\u0001)+)\u0001$/;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export async function login(connection: LoginConnection): Promise<LoginRequest> {
  try {
    return await negotiate(connection);
  } catch (error) {
    if (error instanceof GwError) {
      connection.write(refuse(error, 'FATAL'));
      return { kind: 'done' };
    }
    throw error;
  }
}

async function negotiate(connection: LoginConnection): Promise<LoginRequest> {
  let encrypted = connection.secure;
  let buffer: Buffer = Buffer.alloc(0);
  let gssAsked = false;
  let sslAsked = false;
  for (;;) {
    const result = readFirst(buffer);
    if (result === null) {
      const more = await connection.read();
      if (buffer.length === 0 && !sslAsked && !gssAsked && connection.via === 'native' && more[0] === TLS_HANDSHAKE) {
        // Direct TLS (sslnegotiation=direct, PostgreSQL 17).
        const { alpnProtocol } = await connection.startTls(more, ALPN);
        // As PostgreSQL demands: a client of another protocol must not be led here (ALPACA).
        if (alpnProtocol !== ALPN[0])
          throw new GwError('protocol.violation', 'received direct SSL connection request without ALPN protocol negotiation extension');
        encrypted = sslAsked = true;
        continue;
      }
      buffer = buffer.length === 0 ? more : Buffer.concat([buffer, more]);
      continue;
    }
    if (typeof result === 'string') throw new GwError('protocol.violation', result);
    const { first, size } = result;
    const rest = buffer.subarray(size);
    if (first.kind === 'startup') return startup(connection, first, rest, encrypted);
    if (first.kind === 'cancel') return { kind: 'cancel', key: first.key };
    // Bytes that came with the request were sent before encryption and could be an attacker's (CVE-2021-23214).
    if (rest.length > 0) throw new GwError('protocol.violation', 'received unencrypted data after an encryption request');
    buffer = Buffer.alloc(0);
    if (first.kind === 'gssenc') {
      if (gssAsked) throw new GwError('protocol.violation', 'unexpected second GSSENCRequest');
      gssAsked = true;
      connection.write(Buffer.from('N'));
    } else {
      if (sslAsked) throw new GwError('protocol.violation', 'unexpected second SSLRequest');
      sslAsked = true;
      if (connection.via === 'tunnel') {
        connection.write(Buffer.from('N'));
      } else {
        connection.write(Buffer.from('S'));
        await connection.startTls(null, ALPN);
        encrypted = true;
      }
    }
  }
}

async function startup(
  connection: LoginConnection,
  first: Extract<FirstMessage, { kind: 'startup' }>,
  rest: Buffer,
  encrypted: boolean,
): Promise<LoginRequest> {
  if (rest.length > 0) connection.unread(rest);
  const request = readStartup(first.parameters);
  if (first.minor > 0 || request.protocolOptions.length > 0) connection.write(negotiateVersion(request.protocolOptions));
  if (!encrypted) {
    throw new GwError('login.required', 'The gateway takes a token only over TLS.', { hint: 'Connect with sslmode=verify-full (or sslmode=require).' });
  }
  const tunnel = connection.via === 'tunnel';
  const target = connection.target ?? request.user;
  if (request.user !== target)
    throw new GwError('target.unknown', 'This port leads to another target than the user of the connection names.', { hint: `Connect with user=${target}.` });
  checkDatabase(request, target);
  const oauth = !tunnel && (request.auth ?? connection.preferredAuth) === 'oauth';
  const secret = oauth ? await oauthBearer(connection) : await password(connection);
  const started: PostgresStartup = { settings: request.settings, database: request.database === target ? '' : request.database, welcomed: false };
  return {
    kind: 'session',
    // Whom the client names is not looked at: a session is opened as the role of the configuration.
    account: null,
    target,
    credential: tunnel ? { kind: 'local-secret', secret } : { kind: 'token', token: secret },
    client: request.settings.get('application_name')?.slice(0, 128) ?? null,
    startup: started,
    // A client takes notices only once it knows that its login stands.
    waiting: (notice) => {
      const welcome = started.welcomed ? [] : [message(Back.Authentication, int32(0))];
      started.welcomed = true;
      connection.write(Buffer.concat([...welcome, noticeResponse(notice)]));
    },
    deny: (error) => {
      // RFC 7628 section 3.2.2: the status, then the failure. The client's ^A between them is not waited for; it says nothing.
      const status = oauth && !started.welcomed && error.entry.kind === 'login' ? failureStatus(connection) : null;
      const words = refuse(error, 'FATAL');
      connection.write(status === null ? words : Buffer.concat([status, words]));
    },
  };
}

function checkDatabase(request: StartupRequest, target: string): void {
  if (Buffer.byteLength(request.database) > 63) throw new GwError('protocol.violation', `The database name is too long for target ${target}.`);
}

async function password(connection: LoginConnection): Promise<Secret> {
  connection.write(message(Back.Authentication, int32(AUTH_CLEARTEXT)));
  const body = await readPassword(connection);
  const end = body.indexOf(0);
  if (end < 0 || end !== body.length - 1) throw new GwError('protocol.violation', 'invalid password packet');
  if (end === 0)
    throw new GwError('login.required', 'No token was given as the password.', { hint: 'Give a token as the password (PGPASSWORD), or use `gw connect`.' });
  return new Secret(body.toString('utf8', 0, end));
}

async function oauthBearer(connection: LoginConnection): Promise<Secret> {
  connection.write(message(Back.Authentication, int32(AUTH_SASL), 'OAUTHBEARER\0', '\0'));
  const parts = OAUTH_MESSAGE.exec(await initialResponse(connection))?.[1]?.split('\u0001') ?? [];
  const [auth, ...more] = parts.filter((part) => part.startsWith('auth=')).map((part) => part.slice(5));
  if (auth === undefined || more.length > 0) throw new GwError('protocol.violation', 'malformed OAUTHBEARER message');
  const bearer = BEARER.exec(auth)?.[1];
  if (bearer !== undefined) return new Secret(bearer);
  const status = failureStatus(connection);
  if (status !== null) {
    connection.write(status);
    // Section 3.2.3: the client answers ^A, then the exchange fails.
    await readPassword(connection);
  }
  // Section 4.3: an empty `auth=` only asks which issuer to use.
  if (auth === '') throw new GwError('login.required', 'A token of the issuer just named is needed.');
  throw new GwError('login.token_invalid', 'The bearer token of the OAUTHBEARER message is malformed.');
}

/** The client's first message: sent with the choice of the mechanism, or after an empty challenge (length -1, RFC 4422 section 3). */
async function initialResponse(connection: LoginConnection): Promise<string> {
  const body = await readPassword(connection);
  const nameEnd = body.indexOf(0);
  if (nameEnd < 0 || body.toString('latin1', 0, nameEnd) !== 'OAUTHBEARER') {
    throw new GwError('protocol.violation', 'The client chose a SASL mechanism that was not offered.');
  }
  const start = nameEnd + 5;
  if (body.length < start) throw new GwError('protocol.violation', 'malformed OAUTHBEARER message');
  const size = body.readInt32BE(nameEnd + 1);
  if (size === -1 && body.length === start) {
    connection.write(message(Back.Authentication, int32(AUTH_SASL_CONTINUE)));
    return (await readPassword(connection)).toString('latin1');
  }
  if (size !== body.length - start) throw new GwError('protocol.violation', 'malformed OAUTHBEARER message');
  return body.toString('latin1', start);
}

/** Tells where the issuer describes itself; null when no issuer serves logins. */
function failureStatus({ discovery }: LoginConnection): Buffer | null {
  if (discovery === null) return null;
  const status = { status: 'invalid_token', 'openid-configuration': discovery.openidConfiguration, scope: discovery.scope };
  return message(Back.Authentication, int32(AUTH_SASL_CONTINUE), JSON.stringify(status));
}

/** The body of one `p` message. */
async function readPassword(connection: LoginConnection): Promise<Buffer> {
  let buffer: Buffer = Buffer.alloc(0);
  for (;;) {
    if (buffer.length >= 1 && buffer[0] !== Front.Password)
      throw new GwError('protocol.violation', `expected password response, got message type ${String(buffer[0])}`);
    if (buffer.length >= 5) {
      const length = buffer.readUInt32BE(1);
      if (length < 4 || length > PASSWORD_LIMIT) throw new GwError('protocol.violation', 'invalid length of password packet');
      if (buffer.length >= 1 + length) {
        if (buffer.length > 1 + length) connection.unread(buffer.subarray(1 + length));
        return buffer.subarray(5, 1 + length);
      }
    }
    buffer = Buffer.concat([buffer, await connection.read()]);
  }
}
