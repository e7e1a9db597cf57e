/**
 * `gw login`: asks the gateway alone which issuer and client to use, gets a token in the way that the caller's circumstances allow,
 * shows it to the gateway, and only then keeps it. Nothing is stored that the gateway did not accept.
 */
import { resolve } from 'node:path';
import { ciTokenSource } from '../../client/ci-token.js';
import { type DevicePrompt, deviceLogin } from '../../client/device-login.js';
import { GatewayClient } from '../../client/gateway-client.js';
import { readClaims } from '../../client/jwt-claims.js';
import { serviceLogin, serviceLoginTarget } from '../../client/service-login.js';
import type { StoredLogin } from '../../client/stored-login.js';
import { fileTokenSource, fixedTokenSource, type TokenSource } from '../../client/token-source.js';
import type { LoginInfo, WhoAmI } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';
import type { Reach } from '../connection.js';
import { readClientSecret } from '../credential.js';

export interface LoginRequest {
  readonly reach: Reach;
  readonly idTokenFile: string | null;
  readonly clientId: string | null;
  readonly clientSecretFile: string | null;
  readonly issuer: string | null;
  /** Nobody is there to confirm a code. */
  readonly noInput: boolean;
  announce(prompt: DevicePrompt): Promise<void>;
}

export interface LoginResult {
  readonly gateway: string;
  readonly method: 'device' | 'client-credentials' | 'token-file' | 'token' | 'ci';
  readonly who: WhoAmI;
  /** Where the login is kept, in words; null: it is read from where it is at each use. */
  readonly kept: string | null;
}

async function accept(reach: Reach, source: TokenSource): Promise<WhoAmI> {
  return new GatewayClient(reach.gateway, reach.transport, source).whoAmI();
}

/** Shows `token` to the gateway; what it accepted is kept as `login`. */
async function keep(reach: Reach, login: StoredLogin, token: string): Promise<LoginResult> {
  const who = await accept(reach, fixedTokenSource(token, 'the identity provider', reach.clock));
  const kept = await reach.lock(reach.gateway.origin, () => reach.store.write({ ...login, name: who.name }));
  return { gateway: reach.gateway.origin, method: login.method, who, kept };
}

async function loginByTokenFile(reach: Reach, info: LoginInfo, file: string): Promise<LoginResult> {
  const path = resolve(file);
  const token = await fileTokenSource(path, reach.clock).token();
  const claims = readClaims(token.secret.expose());
  const login: StoredLogin = {
    version: 1,
    gateway: reach.gateway.origin,
    method: 'token-file',
    issuer: claims.issuer,
    clientId: '',
    subject: claims.subject,
    name: claims.name,
    audience: info.audience,
    scopes: [],
    // Read from the file at each use; a copy here would only grow old.
    token: '',
    refreshToken: null,
    obtainedAt: reach.clock.now(),
    expiresAt: claims.expiresAt,
    secretFile: null,
    tokenFile: path,
  };
  return keep(reach, login, token.secret.expose());
}

async function loginByClient(request: LoginRequest, info: LoginInfo, clientId: string): Promise<LoginResult> {
  const { reach } = request;
  const file = request.clientSecretFile ?? reach.environment.clientSecretFile;
  const clientSecret = await readClientSecret(reach.environment, file);
  if (clientSecret === null)
    throw new GwError('usage.invalid', `There is no secret for the client ${clientId}.`, { hint: 'Give --client-secret-file FILE, or set GW_CLIENT_SECRET.' });
  const target = serviceLoginTarget(info, request.issuer ?? reach.environment.issuer);
  const { transport, clock, gateway } = reach;
  const login = await serviceLogin({
    gateway: gateway.origin,
    ...target,
    clientId,
    clientSecret,
    secretFile: file === null ? null : resolve(file),
    transport,
    clock,
  });
  return keep(reach, login, login.token);
}

/** An identity that the environment already gives: it only has to hold. */
function ambientSource(reach: Reach, info: LoginInfo): { readonly source: TokenSource; readonly method: 'token' | 'token-file' | 'ci' } | null {
  const { environment, clock, transport } = reach;
  if (environment.idTokenFile !== null) return { source: fileTokenSource(environment.idTokenFile, clock), method: 'token-file' };
  if (environment.idToken !== null) return { source: fixedTokenSource(environment.idToken, 'GW_ID_TOKEN', clock), method: 'token' };
  if (environment.clientId !== null || environment.ciIdentity === null) return null;
  return { source: ciTokenSource(environment.ciIdentity, () => Promise.resolve(info.audience), transport, clock), method: 'ci' };
}

function refuseProjectGateway({ gateway, gatewaySource, settings }: Reach): void {
  if (gatewaySource !== 'project' || settings.ownGateways.includes(gateway.origin)) return;
  throw new GwError('usage.invalid', `The gateway ${gateway.origin} is named only by ${settings.projectFile ?? 'a project file'}.`, {
    hint: `If it is yours, say so: \`gw login --gateway ${gateway.origin}\`.`,
  });
}

/** @throws GwError of kind login when the issuer or the gateway says no. */
export async function loginFlow(request: LoginRequest): Promise<LoginResult> {
  const { reach } = request;
  refuseProjectGateway(reach);
  const info = await reach.client.loginInfo();
  if (request.idTokenFile !== null) return loginByTokenFile(reach, info, request.idTokenFile);
  if (request.clientId !== null) return loginByClient(request, info, request.clientId);
  const ambient = ambientSource(reach, info);
  if (ambient !== null) return { gateway: reach.gateway.origin, method: ambient.method, who: await accept(reach, ambient.source), kept: null };
  if (reach.environment.clientId !== null) return loginByClient(request, info, reach.environment.clientId);
  if (request.noInput) {
    throw new GwError('login.required', 'Nobody is here to confirm a login.', {
      hint: 'Give a machine identity: GW_ID_TOKEN, GW_ID_TOKEN_FILE, or `gw login --client-id ID --client-secret-file FILE`.',
    });
  }
  const { transport, clock, gateway } = reach;
  const login = await deviceLogin({ gateway: gateway.origin, info, transport, clock, announce: request.announce });
  return keep(reach, login, login.token);
}
