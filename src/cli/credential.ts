/**
 * Chooses where the token of a command comes from, most explicit first: a token or token file named in the environment, client
 * credentials in the environment, a service login made with `gw login`, the CI job's own identity, a person's login. A person's login
 * comes after the CI identity, so that a job on somebody's machine acts as the job.
 *
 * A gateway that only a project file names gets nothing of the environment: the file comes from a repository, and whoever can change it
 * could otherwise have the token of every job sent to a place of his own.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import { ciTokenSource } from '../client/ci-token.js';
import { GatewayClient } from '../client/gateway-client.js';
import type { HttpsTransport } from '../client/https-transport.js';
import { storedTokenSource } from '../client/renew-login.js';
import { serviceLogin, serviceLoginTarget } from '../client/service-login.js';
import type { LoginLock, LoginStore, StoredLogin } from '../client/stored-login.js';
import { fetchedTokenSource, fileTokenSource, fixedTokenSource, type TokenSource } from '../client/token-source.js';
import type { LoginInfo } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { Environment } from './environment.js';
import type { Settings } from './profile/settings.js';

export interface CredentialOptions {
  readonly gateway: URL;
  readonly settings: Settings;
  readonly environment: Environment;
  readonly transport: HttpsTransport;
  readonly store: LoginStore;
  readonly lock: LoginLock;
  readonly clock: Clock;
}

export interface ChosenCredential {
  readonly source: TokenSource;
  /** The stored login, when it is that which is used. */
  readonly login: StoredLogin | null;
}

/** The secret of GW_CLIENT_SECRET or of the file named; null when neither is given. */
export async function readClientSecret(environment: Pick<Environment, 'clientSecret'>, file: string | null): Promise<string | null> {
  if (file === null) return environment.clientSecret;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new GwError('usage.invalid', `The client secret file ${file} cannot be read.`, { cause, hint: 'Check the path and the permissions of the file.' });
  }
}

function mayUseEnvironment(options: CredentialOptions): boolean {
  const { gateway, settings } = options;
  return settings.gateway?.source !== 'project' || settings.ownGateways.includes(gateway.origin);
}

function refuseProjectGateway(options: CredentialOptions): GwError {
  return new GwError(
    'usage.invalid',
    `The gateway ${options.gateway.origin} is named only by ${options.settings.projectFile ?? 'a project file'}, and is therefore not shown a credential of the environment.`,
    {
      hint: `If it is yours, say so: \`gw config set gateway ${options.gateway.origin}\`, or set GW_GATEWAY.`,
    },
  );
}

async function fromEnvironment(options: CredentialOptions, info: () => Promise<LoginInfo>): Promise<TokenSource | null> {
  const { environment, clock, transport, gateway } = options;
  if (environment.idTokenFile !== null) return fileTokenSource(environment.idTokenFile, clock);
  if (environment.idToken !== null) return fixedTokenSource(environment.idToken, 'GW_ID_TOKEN', clock);
  const { clientId } = environment;
  if (clientId === null) return null;
  const clientSecret = await readClientSecret(environment, environment.clientSecretFile);
  if (clientSecret === null) return null;
  const fetch = async (): Promise<string> => {
    const target = serviceLoginTarget(await info(), environment.issuer);
    return (await serviceLogin({ gateway: gateway.origin, ...target, clientId, clientSecret, secretFile: null, transport, clock })).token;
  };
  return fetchedTokenSource('GW_CLIENT_ID', fetch, clock);
}

/** Null: there is no credential of any kind. */
export async function chooseCredential(options: CredentialOptions): Promise<ChosenCredential | null> {
  const { environment, gateway, store, transport, clock } = options;
  let asked: Promise<LoginInfo> | null = null;
  const info = (): Promise<LoginInfo> => (asked ??= new GatewayClient(gateway, transport, null).loginInfo());
  const given = await fromEnvironment(options, info);
  if (given !== null) {
    if (!mayUseEnvironment(options)) throw refuseProjectGateway(options);
    return { source: given, login: null };
  }
  const stored = await store.read(gateway.origin);
  const useStored = (login: StoredLogin): ChosenCredential => ({
    source: storedTokenSource({ gateway: gateway.origin, store, lock: options.lock, transport, clock }, login),
    login,
  });
  if (stored !== null && stored.method !== 'device') return useStored(stored);
  if (environment.ciIdentity !== null) {
    if (!mayUseEnvironment(options)) throw refuseProjectGateway(options);
    return { source: ciTokenSource(environment.ciIdentity, async () => (await info()).audience, transport, clock), login: null };
  }
  return stored === null ? null : useStored(stored);
}
