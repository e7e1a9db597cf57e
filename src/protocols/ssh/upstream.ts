/**
 * The target's side up to a login with the credential that the gateway holds: a certificate, a key, then a password, each as the target offers it. The
 * host must prove a key that the configuration pins; there is no trust on first use. The target is untrusted until then, and after.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { visibleLines } from '../../base/visible-text.js';
import { GwError } from '../../contract/gw-error.js';
import type { UpstreamConnection, UpstreamReady } from '../../contract/protocol.js';
import type { CertifyAs, Target, TargetCredential } from '../../contract/target.js';
import { MESSAGE_BYTES, NAME_BYTES } from './codec/limits.js';
import { MESSAGE } from './codec/messages.js';
import { boolean, message, string, uint32, WireReader } from './codec/wire.js';
import { lookUp } from './known-hosts.js';
import { readKnownHosts, type SshOptions } from './options.js';
import { keyOf } from './server-identity.js';
import { certificateAlgorithm, makeCertificate } from './transport/certificate.js';
import { blobOf, fingerprint, keyType, privateKeyOf, signatureAlgorithms, signWith } from './transport/public-key.js';
import { HOST_KEYS, Transport, type TransportEvents } from './transport/transport.js';

/** Private to the island: the target's leg after its login. */
export interface SshUpstream {
  readonly transport: Transport;
  readonly early: Buffer[];
  /** What the target says to everybody who logs in, made safe to show; '' for nothing. */
  readonly banner: string;
}

/** A target that greets longer than this is cut short. */
const BANNER_LIMIT = 4_096;
const PROMPTS = 8;
/** A certificate is looked at while the connection logs in; clocks differ. */
const CERTIFIED_MS = 300_000;
const CLOCKS_MS = 60_000;
/** What the target may do for the session; whether it does is decided here, request by request. */
const PERMITTED = ['permit-X11-forwarding', 'permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty'];

type Attempt =
  | { readonly method: 'publickey'; readonly algorithm: string; readonly certified?: true }
  | { readonly method: 'password' | 'keyboard-interactive' };

class ClientLogin implements TransportEvents {
  readonly transport: Transport;
  readonly early: Buffer[] = [];
  banner = '';
  #done = false;
  #connection: UpstreamConnection;
  readonly #credential: TargetCredential;
  readonly #attempts: Attempt[];
  #tried: Attempt | null = null;
  #answered = 0;
  #left: string | null = null;
  /** The key that the target showed and that is not its own. */
  #stranger: Buffer | null = null;

  constructor(connection: UpstreamConnection, target: Target, credential: TargetCredential) {
    this.#connection = connection;
    this.#credential = credential;
    const { trusted, revoked } = keysOf(target);
    const pinned = trusted.filter((key) => !revoked.some((other) => other.equals(key)));
    const types = new Set(pinned.flatMap((key) => signatureAlgorithms(keyType(key))));
    this.#attempts = attemptsWith(credential);
    this.transport = new Transport(
      {
        kind: 'client',
        // Without a pinned key everything is offered, so that the refusal can name the key that the target has.
        algorithms: pinned.length === 0 ? HOST_KEYS : HOST_KEYS.filter((each) => types.has(each)),
        trusts: (key) => {
          if (pinned.some((each) => each.equals(key))) return true;
          this.#stranger = Buffer.from(key);
          return false;
        },
      },
      this,
    );
  }

  write(bytes: Buffer): void {
    this.#connection.write(bytes);
  }

  ready(): void {
    this.transport.send(message(MESSAGE.serviceRequest, string('ssh-userauth')));
  }

  disconnected(_reason: number, text: string): void {
    this.#left = text;
  }

  async run(): Promise<void> {
    this.transport.start();
    while (!this.#done) {
      const chunk = await this.#connection.read();
      try {
        this.transport.feed(chunk);
      } catch (error) {
        if (this.#stranger !== null) throw strange(this.#stranger);
        throw error;
      }
      if (this.#left !== null && !this.#done) throw refused(`it said goodbye: ${visibleLines(this.#left).slice(0, 200)}`);
    }
  }

  payload(payload: Buffer): void {
    if (this.#done) {
      this.early.push(Buffer.from(payload));
      return;
    }
    const reader = new WireReader(payload, 1);
    switch (payload[0]) {
      case MESSAGE.serviceAccept:
        // RFC 4252 section 5.2: this tells which ways there are.
        this.#request('none');
        return;
      case MESSAGE.authBanner:
        this.banner = visibleLines(this.banner + reader.string(MESSAGE_BYTES).toString('utf8')).slice(0, BANNER_LIMIT);
        return;
      case MESSAGE.authFailure:
        this.#next(reader.name(MESSAGE_BYTES).split(','));
        return;
      case MESSAGE.authSuccess:
        this.#done = true;
        return;
      case MESSAGE.authMore:
        this.#asked(reader);
        return;
      default:
        throw new GwError('target.protocol', 'The target sent a message that has no place in a login.');
    }
  }

  #request(method: string, ...parts: readonly Uint8Array[]): void {
    this.transport.send(this.#requestFor(method, ...parts));
  }

  #requestFor(method: string, ...parts: readonly Uint8Array[]): Buffer {
    return message(MESSAGE.authRequest, string(this.#credential.username), string('ssh-connection'), string(method), ...parts);
  }

  #next(offered: readonly string[]): void {
    const at = this.#attempts.findIndex(({ method }) => offered.includes(method));
    const attempt = this.#attempts[at];
    if (attempt === undefined)
      throw refused(this.#tried === null ? 'it offers no way in for what the gateway holds' : 'it does not accept what the gateway holds');
    this.#attempts.splice(at, 1);
    this.#tried = attempt;
    if (attempt.method === 'publickey') this.#publicKey(attempt.algorithm, attempt.certified === true);
    else if (attempt.method === 'password') this.#request('password', boolean(false), string(this.#credential.password?.expose() ?? ''));
    else this.#request('keyboard-interactive', string(''), string(''));
  }

  #publicKey(algorithm: string, certified: boolean): void {
    const { certify } = this.#credential;
    const { key, blob } = certified && certify !== undefined ? certifiedKey(certify) : heldKey(this.#credential);
    const request = this.#requestFor('publickey', boolean(true), string(certified ? certificateAlgorithm(algorithm) : algorithm), string(blob));
    const signature = signWith(key, algorithm, Buffer.concat([string(this.transport.sessionId), request]));
    this.transport.send(Buffer.concat([request, string(signature)]));
  }

  /** Prompts of keyboard-interactive: the password is the answer to the one that hides it, and nothing else is answered. */
  #asked(reader: WireReader): void {
    if (this.#tried?.method !== 'keyboard-interactive') throw refused('it asks for something that the gateway does not hold');
    reader.string(MESSAGE_BYTES);
    reader.string(MESSAGE_BYTES);
    reader.string(NAME_BYTES);
    const count = reader.uint32();
    if (count > PROMPTS || ++this.#answered > PROMPTS) throw refused('it asks too much');
    const answers: Buffer[] = [];
    for (let prompt = 0; prompt < count; prompt++) {
      reader.string(MESSAGE_BYTES);
      if (reader.boolean()) throw refused('it asks for something other than a password');
      answers.push(string(this.#credential.password?.expose() ?? ''));
    }
    this.transport.send(message(MESSAGE.authInfoResponse, uint32(count), ...answers));
  }
}

function heldKey(credential: TargetCredential): { readonly key: KeyObject; readonly blob: Buffer } {
  const key = privateKeyOf(credential.key?.expose() ?? '');
  return { key, blob: blobOf(key) };
}

/** A key for this one login, certified by the authority that the target trusts, for minutes. */
function certifiedKey({ authority, principals, keyId, now }: CertifyAs): { readonly key: KeyObject; readonly blob: Buffer } {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const extensions = new Map(PERMITTED.map((name) => [name, Buffer.alloc(0)]));
  const serial = randomBytes(8).readBigUInt64BE();
  const times = { notBefore: now - CLOCKS_MS, notAfter: now + CERTIFIED_MS };
  return { key, blob: makeCertificate(keyOf(authority.expose()), { key: blobOf(key), serial, keyId, principals, extensions, ...times }) };
}

function attemptsWith({ key, password, certify }: TargetCredential): Attempt[] {
  const attempts: Attempt[] = certify === undefined ? [] : [{ method: 'publickey', algorithm: 'ssh-ed25519', certified: true }];
  if (key !== undefined)
    for (const algorithm of signatureAlgorithms(keyType(blobOf(privateKeyOf(key.expose()))))) attempts.push({ method: 'publickey', algorithm });
  if (password !== null) attempts.push({ method: 'password' }, { method: 'keyboard-interactive' });
  return attempts;
}

function keysOf({ host, port, options }: Target): { readonly trusted: readonly Buffer[]; readonly revoked: readonly Buffer[] } {
  const { hostKeys, knownHosts, knownAs } = options as SshOptions;
  if (knownHosts === null) return { trusted: hostKeys, revoked: [] };
  const found = lookUp(readKnownHosts(knownHosts, 'target.unreachable'), knownAs ?? host, knownAs === null ? port : 22);
  return { trusted: [...hostKeys, ...found.trusted], revoked: found.revoked };
}

const strange = (key: Buffer): GwError =>
  new GwError('target.unreachable', `The target proves another host key than the gateway knows: ${keyType(key)} ${fingerprint(key)}.`, {
    hint: 'Somebody may be in between. Ask an administrator of the gateway to compare it with the key of the host, and to change the configuration if it is right.',
  });

const refused = (why: string): GwError => new GwError('target.credential', `The target did not let the gateway in: ${why}.`);

/** Policy that grants only what reads grants nothing here: no action is one that a host could be made to do without writing. So nothing goes up. */
export async function connect(connection: UpstreamConnection, target: Target, credential: TargetCredential): Promise<UpstreamReady> {
  const client = new ClientLogin(connection, target, credential);
  await client.run();
  const { transport, early, banner } = client;
  return { scope: null, state: { transport, early, banner } satisfies SshUpstream };
}
