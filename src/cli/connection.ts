/**
 * Everything a command needs to talk to its gateway, put together once: settings, trust, transport, login store and token source. The
 * composition root of the CLI.
 */
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.js';
import { withFileLock } from '../client/file-lock.js';
import { GatewayClient } from '../client/gateway-client.js';
import { HttpsTransport } from '../client/https-transport.js';
import type { LoginLock, LoginStore, StoredLogin } from '../client/stored-login.js';
import type { TokenSource } from '../client/token-source.js';
import { GwError } from '../contract/gw-error.js';
import type { GatewayAddress } from '../tunnel/dial-gateway.js';
import { chooseCredential } from './credential.js';
import type { Environment } from './environment.js';
import { sayWarning } from './failure.js';
import { openLoginStore } from './keychain/login-store.js';
import { gatewayFileName } from './profile/paths.js';
import { authorityFor, requireGateway, type Settings, type Source } from './profile/settings.js';

/** What needs no login. */
export interface Reach {
  readonly gateway: URL;
  readonly gatewaySource: Source;
  readonly settings: Settings;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly transport: HttpsTransport;
  readonly store: LoginStore;
  readonly lock: LoginLock;
  /** Without credentials. */
  readonly client: GatewayClient;
}

/** With a credential, though it was not shown to the gateway yet. */
export interface Connection extends Reach {
  readonly source: TokenSource;
  readonly login: StoredLogin | null;
}

/** `extraCa` (PEM) is trusted instead of what is known, for a login that is about to make it known. */
export function openReach(settings: Settings, environment: Environment, userAgent: string, extraCa: string | null = null): Reach {
  const { value: gateway, source: gatewaySource } = requireGateway(settings);
  const transport = new HttpsTransport({ caFor: (url) => extraCa ?? authorityFor(url, settings.paths, environment.caFile), userAgent });
  const store = openLoginStore({ environment, paths: settings.paths, announce: sayWarning });
  const lock: LoginLock = (origin, work) => withFileLock(join(settings.paths.state, 'locks', `${gatewayFileName(new URL(origin))}.lock`), work);
  return { gateway, gatewaySource, settings, environment, clock: systemClock, transport, store, lock, client: new GatewayClient(gateway, transport, null) };
}

/** Null when there is no credential. */
export async function tryConnection(reach: Reach): Promise<Connection | null> {
  const chosen = await chooseCredential(reach);
  return chosen === null ? null : { ...reach, ...chosen, client: new GatewayClient(reach.gateway, reach.transport, chosen.source) };
}

/** @throws GwError `login.required` */
export async function openConnection(reach: Reach): Promise<Connection> {
  const connection = await tryConnection(reach);
  if (connection !== null) return connection;
  throw new GwError('login.required', `There is no login for ${reach.gateway.origin}.`, {
    hint: 'Run `gw login`. Scripts set GW_ID_TOKEN, GW_ID_TOKEN_FILE, or GW_CLIENT_ID and GW_CLIENT_SECRET.',
  });
}

/** Where tunnels go: the gateway's one port, with the same trust as the API. */
export function tunnelAddress(reach: Reach): GatewayAddress {
  const { gateway, settings, environment } = reach;
  return {
    host: gateway.hostname.replace(/^\[|\]$/g, ''),
    port: gateway.port === '' ? 443 : Number(gateway.port),
    ca: authorityFor(gateway, settings.paths, environment.caFile),
  };
}
