/**
 * SCRAM-SHA-256 and -PLUS, client side (RFC 5802, RFC 7677; channel binding tls-server-end-point, RFC 5929 section 4), towards the target.
 * The server's messages are untrusted: a wrong server signature ends the handshake, and its iteration count is bounded.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { GwError } from '../../contract/gw-error.js';
import { saslPrep } from './sasl-prep.js';

const pbkdf2Async = promisify(pbkdf2);

/** PostgreSQL uses 4,096 by default; a hostile server must not buy minutes of our processor. */
const MAX_ITERATIONS = 1_000_000;
const CACHE_SIZE = 256;

/** server-first-message, RFC 5802 section 7. A mandatory extension (`m=`) would come before `r=`: it is unknown here, so it does not match. */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]{1,1024}),s=([A-Za-z0-9+/=]{1,1024}),i=([1-9][0-9]{0,8})(?:,|$)/;
const SERVER_FINAL = /^v=([A-Za-z0-9+/=]{1,256})(?:,|$)/;

/** Salted passwords by (password, salt, iterations): they change only when the password does, and cost milliseconds each. */
const salted = new Map<string, Promise<Buffer>>();

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();
const fail = (what: string): GwError => new GwError('target.protocol', `The target's SCRAM exchange is not valid: ${what}.`);

function saltPassword(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  const key = `${sha256(Buffer.from(password)).toString('base64')}|${salt.toString('base64')}|${iterations}`;
  let value = salted.get(key);
  if (value === undefined) {
    value = pbkdf2Async(saslPrep(password), salt, iterations, 32, 'sha256');
    value.catch(() => salted.delete(key));
    if (salted.size >= CACHE_SIZE)
      for (const oldest of salted.keys()) {
        salted.delete(oldest);
        break;
      }
    salted.set(key, value);
  }
  return value;
}

/** What RFC 5802 section 3 computes of the salted password and the AuthMessage. Pure. */
export function scramProof(saltedPassword: Uint8Array, authMessage: string): { readonly proof: Buffer; readonly serverSignature: Buffer } {
  const clientKey = hmac(saltedPassword, 'Client Key');
  const signature = hmac(sha256(clientKey), authMessage);
  return {
    proof: Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))),
    serverSignature: hmac(hmac(saltedPassword, 'Server Key'), authMessage),
  };
}

/** The channel-binding data of a server certificate: its hash, with SHA-256 in place of MD5 and SHA-1 (RFC 5929 section 4.1). */
export interface ChannelBinding {
  readonly type: 'tls-server-end-point';
  readonly data: Buffer;
}

export class ScramClient {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  readonly first: string;
  readonly #password: string;
  readonly #nonce: string;
  readonly #binding: Buffer;
  #serverSignature: Buffer | null = null;

  /** `supported`: the client could bind but the server did not offer it (`y` flag), so that stripping -PLUS is detected by the server. */
  constructor(password: string, binding: ChannelBinding | null, supported: boolean) {
    this.mechanism = binding === null ? 'SCRAM-SHA-256' : 'SCRAM-SHA-256-PLUS';
    const header = binding === null ? (supported ? 'y,,' : 'n,,') : `p=${binding.type},,`;
    this.#password = password;
    this.#nonce = randomBytes(18).toString('base64');
    this.#binding = binding === null ? Buffer.from(header) : Buffer.concat([Buffer.from(header), binding.data]);
    this.first = `${header}${this.#bare()}`;
  }

  // PostgreSQL takes the user from the startup message and ignores n=.
  #bare(): string {
    return `n=,r=${this.#nonce}`;
  }

  /** Answers the server-first-message with the client-final-message. */
  async final(serverFirst: string): Promise<string> {
    const [, nonce = '', saltText = '', count = ''] = SERVER_FIRST.exec(serverFirst) ?? [];
    if (nonce === '') throw fail('its first message is malformed');
    const salt = Buffer.from(saltText, 'base64');
    const iterations = Number(count);
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) throw fail('its nonce does not extend ours');
    if (salt.length === 0) throw fail('it has no salt');
    if (iterations > MAX_ITERATIONS) throw fail('its iteration count is out of range');
    const saltedPassword = await saltPassword(this.#password, salt, iterations);
    const withoutProof = `c=${this.#binding.toString('base64')},r=${nonce}`;
    const { proof, serverSignature } = scramProof(saltedPassword, `${this.#bare()},${serverFirst},${withoutProof}`);
    this.#serverSignature = serverSignature;
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Checks the server-final-message: only who knows the password can have made it. */
  verify(serverFinal: string): void {
    const signature = Buffer.from(SERVER_FINAL.exec(serverFinal)?.[1] ?? '', 'base64');
    const expected = this.#serverSignature;
    if (expected === null || signature.length !== expected.length || !timingSafeEqual(signature, expected)) throw fail('its signature is wrong');
  }
}
