/**
 * OpenID Connect towards the issuer that the gateway names, through openid-client over the CLI's own transport (so that private
 * authorities, the time limit and "no redirects" hold there too). openid-client checks issuer, audience, expiry and signature algorithm
 * of what comes back. Loaded lazily: only logging in and renewing need it.
 */
import type { ClientAuth, Configuration, CustomFetchOptions } from 'openid-client';
import { GwError } from '../contract/gw-error.js';
import type { HttpsTransport } from './https-transport.js';

export interface IssuerClient {
  readonly issuer: string;
  readonly clientId: string;
  /** Null for a public client. */
  readonly clientSecret: string | null;
}

async function fetchThrough(transport: HttpsTransport, url: string, options: CustomFetchOptions): Promise<Response> {
  const { body, headers, method, signal } = options;
  const text = body === null || body === undefined ? null : String(body as string | URLSearchParams);
  const answer = await transport.request({ method, url: new URL(url), headers, body: text, signal: signal ?? null });
  const plain = Object.entries(answer.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as [string, string]],
  );
  const empty = answer.status === 204 || answer.status === 304;
  return new Response(empty ? null : new Uint8Array(answer.body), { status: answer.status, headers: plain });
}

/** In the header, which every provider must offer, unless this one says that it wants the secret in the form. */
function secretAuthentication(oidc: Pick<typeof import('openid-client'), 'ClientSecretBasic' | 'ClientSecretPost'>, secret: string): ClientAuth {
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (methods.includes('client_secret_basic') ? basic : post)(server, client, body, headers);
  };
}

/** @throws GwError `login.failed` when the issuer does not describe itself as the one named; transport errors as they are. */
export async function discoverIssuer(client: IssuerClient, transport: HttpsTransport): Promise<Configuration> {
  const oidc = await import('openid-client');
  let server: URL;
  try {
    server = new URL(client.issuer);
  } catch (cause) {
    throw new GwError('login.failed', 'The issuer that the gateway names is not a URL.', { cause });
  }
  // The transport itself refuses plain HTTP to anything but this machine.
  const execute = server.protocol === 'http:' ? [oidc.allowInsecureRequests] : [];
  const authentication = client.clientSecret === null ? oidc.None() : secretAuthentication(oidc, client.clientSecret);
  try {
    return await oidc.discovery(server, client.clientId, undefined, authentication, {
      execute,
      [oidc.customFetch]: (url, options) => fetchThrough(transport, url, options),
    });
  } catch (cause) {
    throw issuerError(cause, `The identity provider ${client.issuer} could not be used`);
  }
}

/** What an issuer or openid-client said, as a public sentence: the OAuth error words, never a response body. */
export function issuerError(cause: unknown, sentence: string): GwError {
  const inner = findGwError(cause);
  if (inner !== null) return inner;
  const said = cause as { readonly error?: unknown; readonly error_description?: unknown };
  const words = [said.error, said.error_description].filter((word): word is string => typeof word === 'string');
  return new GwError('login.failed', `${sentence}${words.length > 0 ? `: ${words.join(', ')}` : ''}.`, { cause });
}

/** openid-client wraps what its fetch threw. */
function findGwError(cause: unknown): GwError | null {
  for (let error = cause, depth = 0; depth < 5 && error instanceof Error; error = error.cause, depth++) if (error instanceof GwError) return error;
  return null;
}
