/**
 * The target's side up to a login with the credential that the gateway holds: a certificate, a key, then a password, each as the target offers it. The
 * host must prove a key that the configuration pins, or that an authority certified which it pins; there is no trust on first use. The target is
 * untrusted until then, and after.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { visibleLines } from '../../base/visible-text.js';
import { GwError } from '../../contract/gw-error.js';
import type { UpstreamConnection, UpstreamReady } from '../../contract/protocol.js';
import type { CertifyAs, Target, TargetCredential } from '../../contract/target.js';
import { MESSAGE_BYTES, NAME_BYTES } from './codec/limits.js';
import { MESSAGE } from './codec/messages.js';
import { boolean, message, string, uint32, WireReader } from './codec/wire.js';
import { type HostKeys, lookUp } from './known-hosts.js';
import { readKnownHosts, type SshOptions } from './options.js';
import { keyOf } from './server-identity.js';
import { certificateAlgorithm, makeCertificate } from './transport/certificate.js';
import { isCertificate, judgeHostCertificate } from './transport/host-certificate.js';
import { blobOf, fingerprint, keyType, privateKeyOf, signatureAlgorithms, signWith } from './transport/public-key.js';
import { HOST_CERTIFICATES, HOST_KEYS, Transport, type TransportEvents } from './transport/transport.js';

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
  /** Why the target is not the one that is meant. */
  #stranger: GwError | null = null;
  /** What the target showed and what proved it: it stands for the connection, however often keys are exchanged, as with ssh. */
  #proof: { readonly shown: Buffer; readonly key: Buffer } | null = null;

  constructor(connection: UpstreamConnection, target: Target, credential: TargetCredential) {
    this.#connection = connection;
    this.#credential = credential;
    const pins = pinsOf(target);
    this.#attempts = attemptsWith(credential);
    this.transport = new Transport({ kind: 'client', algorithms: algorithmsFor(pins), proof: (shown) => this.#prove(shown, pins) }, this);
  }

  #prove(shown: Buffer, pins: Pins): Buffer | null {
    if (this.#proof?.shown.equals(shown)) return this.#proof.key;
    let key: Buffer | null = null;
    if (isCertificate(shown)) {
      const judged = judgeHostCertificate(shown, { ...pins, now: this.#connection.now() });
      if ('key' in judged) key = judged.key;
      else this.#stranger = uncertified(judged.why, judged.detail);
    } else if (pins.trusted.some((each) => each.equals(shown))) key = Buffer.from(shown);
    else this.#stranger = strange(shown, pins);
    if (key !== null) this.#proof = { shown: Buffer.from(shown), key };
    return key;
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
        if (this.#stranger !== null) throw this.#stranger;
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

/** What the configuration says of who the target is. */
interface Pins extends HostKeys {
  /** Which a certificate of the target has to name. */
  readonly name: string;
}

function pinsOf({ host, port, options }: Target): Pins {
  const { hostKeys, hostAuthorities, knownHosts, knownAs } = options as SshOptions;
  const name = knownAs ?? host;
  const none: HostKeys = { trusted: [], authorities: [], revoked: [] };
  const found = knownHosts === null ? none : lookUp(readKnownHosts(knownHosts, 'target.unreachable'), name, knownAs === null ? port : 22);
  const isGood = (key: Buffer): boolean => !found.revoked.some((other) => other.equals(key));
  const [trusted, authorities] = [
    [...hostKeys, ...found.trusted],
    [...hostAuthorities, ...found.authorities],
  ].map((keys) => keys.filter(isGood));
  return { name, trusted: trusted ?? [], authorities: authorities ?? [], revoked: found.revoked };
}

/** What can be proved comes first, certificates before keys. The rest is offered so that the refusal can name the key that the target has. */
function algorithmsFor({ trusted, authorities }: Pins): readonly string[] {
  const types = new Set(trusted.flatMap((key) => signatureAlgorithms(keyType(key))));
  const pinned = HOST_KEYS.filter((each) => types.has(each));
  return [...(authorities.length > 0 ? HOST_CERTIFICATES : []), ...pinned, ...HOST_KEYS.filter((each) => !types.has(each))];
}

const COMPARE = 'Somebody may be in between. Ask an administrator of the gateway to compare it with';

function strange(key: Buffer, { trusted, authorities }: Pins): GwError {
  const which = `${keyType(key)} ${fingerprint(key)}`;
  return trusted.length === 0 && authorities.length > 0
    ? new GwError('target.unreachable', `The target shows no host certificate, and the gateway knows only who certifies it. Its key is ${which}.`, {
        hint: `${COMPARE} the host: it needs a certificate of the authority (HostCertificate in its sshd_config), or its key a place in the configuration.`,
      })
    : new GwError('target.unreachable', `The target proves another host key than the gateway knows: ${which}.`, {
        hint: `${COMPARE} the key of the host, and to change the configuration if it is right.`,
      });
}

/** Names of hosts are not for everybody who may ask for the target: they are in the cause, which is in the gateway's log. */
const uncertified = (why: string, detail?: string): GwError =>
  new GwError('target.unreachable', `The target shows a host certificate that the gateway does not accept: ${why}.`, {
    hint: `${COMPARE} the certificate of the host (ssh-keygen -L), and to have a new one made or the configuration changed if the host is right.`,
    ...(detail === undefined ? {} : { cause: new GwError('target.unreachable', detail) }),
  });

const refused = (why: string): GwError => new GwError('target.credential', `The target did not let the gateway in: ${why}.`);

/** Policy that grants only what reads grants nothing here: no action is one that a host could be made to do without writing. So nothing goes up. */
export async function connect(connection: UpstreamConnection, target: Target, credential: TargetCredential): Promise<UpstreamReady> {
  const client = new ClientLogin(connection, target, credential);
  await client.run();
  const { transport, early, banner } = client;
  return { scope: null, state: { transport, early, banner } satisfies SshUpstream };
}
