/** An issuer made by hand: a real HTTP server with discovery and keys, whose keys, failures and answers the test decides. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { Clock } from '../../src/base/clock.js';
import type { IssuerSettings } from '../../src/contract/settings.js';

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function testKey(kid: string, alg = 'ES256'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export interface TestClock extends Clock {
  advance(ms: number): void;
}

/** Starts at the real time and moves only when told to. */
export function testClock(): TestClock {
  let now = Math.floor(Date.now() / 1000) * 1000;
  let monotonic = 1000;
  return {
    now: () => now,
    monotonic: () => monotonic,
    advance(ms) {
      now += ms;
      monotonic += ms;
    },
  };
}

export class TestIssuer implements AsyncDisposable {
  url = '';
  keys: TestKey[] = [];
  /** What discovery says instead of the truth. */
  metadata: Record<string, unknown> = {};
  status = 200;
  /** Sent instead of the key set. */
  keyDocument: string | null = null;
  requests: string[] = [];
  readonly #server = createServer((request, response) => {
    this.requests.push(request.url ?? '');
    const body =
      request.url === '/jwks'
        ? (this.keyDocument ?? JSON.stringify({ keys: this.keys.map((key) => key.jwk) }))
        : JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/jwks`, ...this.metadata });
    response.writeHead(this.status, { 'content-type': 'application/json', ...(this.status === 302 ? { location: `${this.url}/jwks` } : {}) }).end(body);
  });

  static async start(...keys: TestKey[]): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    issuer.keys = keys;
    issuer.#server.listen(0, '127.0.0.1');
    await once(issuer.#server, 'listening');
    issuer.url = `http://127.0.0.1:${(issuer.#server.address() as AddressInfo).port}`;
    return issuer;
  }

  get fetchesOfKeys(): number {
    return this.requests.filter((url) => url === '/jwks').length;
  }

  settings(extra: Partial<IssuerSettings> = {}): IssuerSettings {
    return {
      issuer: this.url,
      audience: ['gw'],
      algorithms: ['RS256', 'ES256', 'EdDSA'],
      login: { clientId: 'gw-cli', scopes: ['openid'] },
      authorizedParties: [],
      require: [],
      claims: {},
      ca: null,
      ...extra,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A token that is right in every respect, but for `claims` and `header`; a claim that is undefined is left out. */
export async function mint(
  issuer: TestIssuer,
  clock: Clock,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
  key: TestKey | undefined = issuer.keys[0],
): Promise<string> {
  if (key === undefined) throw new TypeError('the issuer has no key');
  const now = Math.floor(clock.now() / 1000);
  const payload = { iss: issuer.url, aud: 'gw', sub: 'alice', iat: now, exp: now + 300, ...claims };
  const protectedHeader = { alg: key.alg, kid: key.kid, typ: 'JWT', ...header };
  const crit = header['crit'];
  return new SignJWT(JSON.parse(JSON.stringify(payload)) as JWTPayload)
    .setProtectedHeader(JSON.parse(JSON.stringify(protectedHeader)) as { alg: string })
    .sign(key.privateKey, Array.isArray(crit) ? { crit: Object.fromEntries(crit.map((name) => [String(name), true])) } : undefined);
}

/** A token put together from parts, for what a library refuses to make. */
export function assemble(header: object, payload: object, signature: (input: string) => Buffer = () => Buffer.alloc(0)): string {
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${signature(input).toString('base64url')}`;
}
