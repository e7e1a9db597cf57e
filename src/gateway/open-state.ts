/** Opens the shared state: the embedded database whose URL the primary gave, or the server that the configuration names. */
import type { Logger } from '../base/logger.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { openStore, type Store } from '../store/index.js';
import { configuredSecret } from './configured-secret.js';

/** @throws GwError `store.unavailable` | `store.schema` | `config.invalid` */
export async function openState(config: GatewayConfig, embeddedUrl: string | null, logger: Logger): Promise<Store> {
  return openStore({ url: embeddedUrl ?? (await configuredUrl(config)), logger });
}

async function configuredUrl(config: GatewayConfig): Promise<string> {
  if (config.state.kind === 'embedded') throw new GwError('internal.error', 'The worker was given no address of the embedded state database.');
  return configuredSecret(config.state.url, 'The URL of the state database (state.url)');
}
