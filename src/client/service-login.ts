/**
 * Login of a service by client credentials. The token must be meant for this gateway: an opaque one, or one for another audience, is
 * refused here with the reason, because the gateway would refuse it later without one.
 */

import type { Clock } from '../base/clock.js';
import type { LoginInfo } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { HttpsTransport } from './https-transport.js';
import { readClaims } from './jwt-claims.js';
import { discoverIssuer, issuerError } from './oidc-issuer.js';
import type { StoredLogin } from './stored-login.js';

export interface ServiceLoginOptions {
  readonly gateway: string;
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Kept with the login so that it can be renewed; null when the secret came from the environment. */
  readonly secretFile: string | null;
  readonly transport: HttpsTransport;
  readonly clock: Clock;
}

/** The issuer and audience of a service login, unless others are named: those of the gateway. */
export function serviceLoginTarget(info: LoginInfo, issuer: string | null): Pick<ServiceLoginOptions, 'issuer' | 'audience'> {
  return { issuer: issuer ?? info.issuer, audience: info.audience };
}

/** @throws GwError `login.failed` */
export async function serviceLogin(options: ServiceLoginOptions): Promise<StoredLogin> {
  const { audience, clock } = options;
  const oidc = await import('openid-client');
  const config = await discoverIssuer(options, options.transport);
  let token: string | undefined;
  try {
    // Issuers differ in how the audience is named: `audience` is common practice, `resource` (RFC 8707) must be a URI.
    const tokens = await oidc.clientCredentialsGrant(config, { audience, ...(URL.canParse(audience) ? { resource: audience } : {}) });
    token = tokens.id_token ?? tokens.access_token;
  } catch (cause) {
    throw issuerError(cause, `The identity provider refused the client ${options.clientId}`);
  }
  if (token.split('.').length !== 3) {
    throw new GwError('login.failed', `The identity provider gave ${options.clientId} an opaque token, which the gateway cannot verify.`, {
      hint: 'Ask the administrator of the identity provider for access tokens in JWT form for this client.',
    });
  }
  const claims = readClaims(token);
  if (!claims.audience.includes(audience)) {
    throw new GwError('login.failed', `The token of ${options.clientId} is not meant for this gateway (audience).`, {
      hint: `Ask the administrator of the identity provider to give this client tokens with the audience ${audience}.`,
    });
  }
  return {
    version: 1,
    gateway: options.gateway,
    method: 'client-credentials',
    issuer: options.issuer,
    clientId: options.clientId,
    subject: claims.subject,
    name: claims.name,
    audience,
    scopes: [],
    token,
    refreshToken: null,
    obtainedAt: clock.now(),
    expiresAt: claims.expiresAt,
    secretFile: options.secretFile,
    tokenFile: null,
  };
}
