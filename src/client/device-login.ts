/**
 * Login of a person by the OAuth device grant (RFC 8628): the issuer gives a code and an address, the person confirms it in any
 * browser, and the CLI polls until then. What comes back is checked: issuer, audience and times by openid-client, the nonce here.
 */

import type { Clock } from '../base/clock.js';
import type { LoginInfo } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { HttpsTransport } from './https-transport.js';
import { readClaims } from './jwt-claims.js';
import { discoverIssuer, issuerError } from './oidc-issuer.js';
import type { StoredLogin } from './stored-login.js';

export interface DevicePrompt {
  readonly userCode: string;
  readonly url: string;
  /** The address with the code already in it, when the issuer gives one. */
  readonly completeUrl: string | null;
  /** Seconds until the code is worth nothing. */
  readonly expiresIn: number;
}

export interface DeviceLoginOptions {
  readonly gateway: string;
  readonly info: LoginInfo;
  readonly transport: HttpsTransport;
  readonly clock: Clock;
  announce(prompt: DevicePrompt): Promise<void>;
  readonly signal?: AbortSignal;
}

/** Scopes asked for: the gateway's own list, and what a renewable identity needs. */
function loginScopes(info: LoginInfo): readonly string[] {
  return [...new Set(['openid', ...info.scopes])];
}

/** @throws GwError `login.failed` when the person refused, the code expired or the answer does not hold. */
export async function deviceLogin(options: DeviceLoginOptions): Promise<StoredLogin> {
  const { info, transport, clock } = options;
  const oidc = await import('openid-client');
  const config = await discoverIssuer({ issuer: info.issuer, clientId: info.clientId, clientSecret: null }, transport);
  const scopes = loginScopes(info);
  const nonce = oidc.randomNonce();
  try {
    const device = await oidc.initiateDeviceAuthorization(config, {
      scope: scopes.join(' '),
      nonce,
      // Providers give a refresh token for offline access only when consent is asked for (OIDC core, section 11).
      ...(scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
    });
    await options.announce({
      userCode: device.user_code,
      url: device.verification_uri,
      completeUrl: device.verification_uri_complete ?? null,
      expiresIn: device.expires_in,
    });
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, device, undefined, options.signal === undefined ? {} : { signal: options.signal });
    if (tokens.id_token === undefined)
      throw new GwError('login.failed', 'The identity provider gave no id token.', {
        hint: 'Ask the administrator of the gateway to check the scopes of its CLI client.',
      });
    const claims = readClaims(tokens.id_token);
    // The device grant does not oblige a provider to return the nonce; one that does must return ours.
    if (claims.nonce !== null && claims.nonce !== nonce)
      throw new GwError('login.failed', 'The identity provider answered another login than this one (nonce).');
    return {
      version: 1,
      gateway: options.gateway,
      method: 'device',
      issuer: info.issuer,
      clientId: info.clientId,
      subject: claims.subject,
      name: claims.name,
      audience: info.audience,
      scopes,
      token: tokens.id_token,
      refreshToken: tokens.refresh_token ?? null,
      obtainedAt: clock.now(),
      expiresAt: claims.expiresAt,
      secretFile: null,
      tokenFile: null,
    };
  } catch (cause) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw issuerError(cause, 'The identity provider refused the login');
  }
}
