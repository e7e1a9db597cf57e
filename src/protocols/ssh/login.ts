/**
 * The client's side up to a claimed credential: versions, keys, and one request to log in that shows something. On a tunnel that is a
 * signature by the key whose digest is the secret of the port, or that secret as a password; on the native port the token as a password, or a
 * certificate that the gateway issued at a login, and a signature by its key; or nothing at all, and the person confirms a code in a browser.
 *
 * Nothing here is verified but signatures. An offered key is no credential (D2): only what a good signature over this very connection was
 * made with counts, and an offer changes nothing. What comes before the keys stand is refused by the transport (D5).
 */
import { createHash } from 'node:crypto';
import { Secret } from '../../base/secret.js';
import { GwError } from '../../contract/gw-error.js';
import type { Credential, LoginConnection, LoginRequest } from '../../contract/protocol.js';
import { claimedPass } from './authorities.js';
import { KEY_BYTES, LOGIN_ATTEMPTS, LOGIN_BYTES, SECRET_BYTES } from './codec/limits.js';
import { authFailure, banner, DISCONNECT, disconnect, MESSAGE } from './codec/messages.js';
import { broken, message, string, uint32, WireReader } from './codec/wire.js';
import { errorLines, noticeLines } from './refusal.js';
import { hostKeyOf } from './server-identity.js';
import { plainAlgorithm } from './transport/certificate.js';
import { isSignedBy, keyType, publicKeyOf, signatureAlgorithms } from './transport/public-key.js';
import { Transport, type TransportEvents } from './transport/transport.js';

/** What `connect` and the engine are given: the client's leg, in the middle of its login. */
export interface SshStartup {
  readonly transport: Transport;
  /** Messages that came behind the login's. */
  readonly early: Buffer[];
}

/** Marks the secret of a local port that is the digest of a key: no password of that form is taken. */
const KEY_SECRET = 'publickey-sha256-';

/** The secret of a local port for a public key: SHA-256 over its SubjectPublicKeyInfo. */
function keySecret(blob: Buffer): string | null {
  const key = publicKeyOf(blob);
  if (key === null) return null;
  return `${KEY_SECRET}${createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64url')}`;
}

interface Claim {
  readonly username: string;
  readonly credential: Credential;
}

/** What a good signature by `key` would claim. */
interface Offer {
  readonly key: Buffer;
  readonly algorithm: string;
  readonly credential: Credential;
}

class ServerLogin implements TransportEvents {
  readonly transport: Transport;
  readonly early: Buffer[] = [];
  claim: Claim | null = null;
  readonly #connection: LoginConnection;
  #attempts = 0;
  #service = false;
  #left = false;
  /** A login in a browser, from its beginning to its token; null: none, or the client gave it up. */
  #browser: Promise<Secret> | null = null;
  /** What is being read, and what to call when there is something else to do. */
  #reading: Promise<Buffer> | null = null;
  #wake: () => void = () => undefined;
  #bytes = 0;
  #browserOver = false;
  #browserName = '';

  constructor(connection: LoginConnection, identity: Secret) {
    this.#connection = connection;
    this.transport = new Transport({ kind: 'server', hostKey: hostKeyOf(identity.expose()) }, this);
  }

  write(bytes: Buffer): void {
    this.#connection.write(bytes);
  }

  ready(): void {
    // The client speaks first.
  }

  disconnected(): void {
    this.#left = true;
  }

  async run(): Promise<Claim> {
    this.transport.start();
    for (;;) {
      if (this.claim !== null) {
        // What is still to come belongs to whoever reads next.
        this.#reading?.then(
          (chunk) => this.#connection.unread(chunk),
          () => undefined,
        );
        return this.claim;
      }
      if (this.#left) throw broken('its farewell in the middle of the login');
      const chunk = await this.#next();
      if (chunk === null) continue;
      this.#reading = null;
      this.#bytes += chunk.length;
      if (this.#bytes > LOGIN_BYTES) throw broken('more than there is to say before a login');
      this.#feed(chunk);
    }
  }

  /** RFC 4253 section 11.1: where keys stand, whoever broke the rules is told which. */
  #feed(chunk: Buffer): void {
    try {
      this.transport.feed(chunk);
    } catch (thrown) {
      const { message: why, code } = GwError.from(thrown);
      this.transport.goodbye(DISCONNECT.protocolError, `${why} (${code})`);
      throw thrown;
    }
  }

  /**
   * What the client says next; null: there is something else to do. A person may take minutes, so nothing is added to the promise that they settle for
   * each piece that comes meanwhile.
   */
  #next(): Promise<Buffer | null> {
    this.#reading ??= this.#connection.read();
    const reading = this.#reading;
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(null);
      reading.then(resolve, reject);
    });
  }

  /** Once: the login stands, or the client is told why it does not. */
  #browsed(browser: Promise<Secret>): void {
    browser
      .then(
        (token) => {
          if (this.#browser === browser) this.claim = { username: this.#browserName, credential: { kind: 'token', token } };
        },
        (thrown: unknown) => {
          if (this.#browser !== browser) return;
          this.transport.send(banner(errorLines(GwError.from(thrown))));
          this.transport.send(authFailure(this.#methods));
        },
      )
      .finally(() => {
        if (this.#browser === browser) this.#browser = null;
        this.#wake();
      });
  }

  payload(payload: Buffer): void {
    if (this.claim !== null) {
      this.early.push(Buffer.from(payload));
      return;
    }
    const reader = new WireReader(payload, 1);
    switch (payload[0]) {
      case MESSAGE.serviceRequest:
        if (this.#service || reader.name() !== 'ssh-userauth') throw broken('a request for a service that is not to be had');
        this.#service = true;
        this.transport.send(message(MESSAGE.serviceAccept, string('ssh-userauth')));
        return;
      case MESSAGE.authRequest:
        if (!this.#service) throw broken('a login without asking for the service');
        // RFC 4252 section 5.1: another request means that the client gave up the one before.
        this.#browser = null;
        this.#request(payload, reader);
        return;
      case MESSAGE.authInfoResponse:
        if (this.#browser === null) throw broken('an answer to a question that nobody asked');
        return;
      default:
        throw broken('a message that has no place in a login');
    }
  }

  get #methods(): readonly string[] {
    const { via, clientAuthority, deviceLogin } = this.#connection;
    const ways = via === 'tunnel' || clientAuthority !== null ? ['publickey', 'password'] : ['password'];
    return deviceLogin === null || this.#browserOver ? ways : [...ways, 'keyboard-interactive'];
  }

  #request(payload: Buffer, reader: WireReader): void {
    if (++this.#attempts > LOGIN_ATTEMPTS) throw broken('too many requests to log in');
    const username = reader.string(256).toString('utf8');
    if (reader.name() !== 'ssh-connection') throw broken('a login for a service that is not to be had');
    const method = reader.name();
    if (method === 'password' && this.#methods.includes(method)) this.#password(username, reader);
    else if (method === 'publickey' && this.#methods.includes(method)) this.#publicKey(username, payload, reader);
    else if (method === 'keyboard-interactive' && this.#methods.includes(method)) this.#openBrowser(username);
    else this.transport.send(authFailure(this.#methods));
  }

  /**
   * RFC 4256: a text with nothing to answer. The client shows it and answers nothing at once; the answer that counts is the provider's.
   */
  #openBrowser(username: string): void {
    const { deviceLogin } = this.#connection;
    if (deviceLogin === null) return;
    this.#browserOver = true;
    this.#browserName = username;
    this.#browser = deviceLogin().then((login) => {
      const words = `Log in with a browser: open ${login.completeUrl ?? login.url} and confirm the code ${login.code}.`;
      this.transport.send(message(MESSAGE.authMore, string('gw'), string(words), string(''), uint32(0)));
      return login.token();
    });
    this.#browsed(this.#browser);
  }

  #password(username: string, reader: WireReader): void {
    const changes = reader.boolean();
    const text = reader.string(SECRET_BYTES).toString('utf8');
    if (changes || text === '' || text.startsWith(KEY_SECRET)) {
      this.transport.send(authFailure(this.#methods));
      return;
    }
    const secret = new Secret(text);
    this.claim = { username, credential: this.#connection.via === 'tunnel' ? { kind: 'local-secret', secret } : { kind: 'token', token: secret } };
  }

  /** A certificate of this gateway's own authority, for the target that `username` names; null: it is none. */
  #offeredCertificate(username: string, algorithm: string, blob: Buffer): Offer | null {
    const plain = plainAlgorithm(algorithm);
    const { clientAuthority } = this.#connection;
    if (plain === null || clientAuthority === null) return null;
    const claimed = claimedPass(blob, placeOf(username).target, clientAuthority.expose());
    if (claimed === null || !signatureAlgorithms(keyType(claimed.certificate.key)).includes(plain)) return null;
    const { certificate, pass, holder } = claimed;
    return { key: certificate.key, algorithm: plain, credential: { kind: 'pass', pass, holder } };
  }

  #publicKey(username: string, payload: Buffer, reader: WireReader): void {
    const signed = reader.boolean();
    const algorithm = reader.name();
    const blob = reader.string(KEY_BYTES);
    const offer = this.#connection.via === 'tunnel' ? offeredKey(algorithm, blob) : this.#offeredCertificate(username, algorithm, blob);
    if (offer === null) {
      this.transport.send(authFailure(this.#methods));
      return;
    }
    if (!signed) {
      reader.end();
      this.transport.send(message(MESSAGE.authMore, string(algorithm), string(blob)));
      return;
    }
    const data = Buffer.concat([string(this.transport.sessionId), payload.subarray(0, reader.position)]);
    const signature = reader.string(KEY_BYTES);
    reader.end();
    if (isSignedBy(offer.key, offer.algorithm, signature, data)) this.claim = { username, credential: offer.credential };
    else this.transport.send(authFailure(this.#methods));
  }
}

/** A key whose digest may be the secret of the port; null: it is no key. */
function offeredKey(algorithm: string, blob: Buffer): Offer | null {
  const secret = signatureAlgorithms(keyType(blob)).includes(algorithm) ? keySecret(blob) : null;
  return secret === null ? null : { key: blob, algorithm, credential: { kind: 'local-secret', secret: new Secret(secret) } };
}

/** `TARGET` or `TARGET+ACCOUNT`: where to, and as whom there. What is no name of an account is refused by policy, not here. */
function placeOf(username: string): { readonly target: string; readonly account: string | null } {
  const at = username.indexOf('+');
  return at < 0 ? { target: username, account: null } : { target: username.slice(0, at), account: username.slice(at + 1) };
}

/** @throws GwError `protocol.*` when the client does not come to the point of claiming something */
export async function login(connection: LoginConnection): Promise<LoginRequest> {
  const { serverIdentity, target } = connection;
  if (serverIdentity === null) throw new GwError('internal.error', 'The gateway has no SSH host key.');
  const server = new ServerLogin(connection, serverIdentity);
  const { username, credential } = await server.run();
  const { transport, early } = server;
  const place = placeOf(username);
  return {
    kind: 'session',
    // On a tunnel the target and the account stand: gw said them.
    target: target ?? place.target,
    account: target === null ? place.account : null,
    credential,
    client: target === null || username === target ? 'ssh' : `ssh as ${username}`,
    startup: { transport, early } satisfies SshStartup,
    deny: (error) => {
      transport.send(banner(errorLines(error)));
      transport.goodbye(DISCONNECT.noMoreAuthMethods, `${error.message} (${error.code})`);
      connection.stream.end();
    },
    waiting: (notice) => transport.send(banner(noticeLines(notice))),
  };
}

/** The last words of a login that was let in. */
export const letIn = (): Buffer => message(MESSAGE.authSuccess);
export const farewellMessage = (error: GwError): Buffer =>
  disconnect(error.code === 'protocol.violation' ? DISCONNECT.protocolError : DISCONNECT.byApplication, `${error.message} (${error.code})`);
