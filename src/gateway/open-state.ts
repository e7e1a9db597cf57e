/** Opens the shared state: the embedded database whose URL the primary gave, or the server that the configuration names. */
import type { Logger } from '../base/logger.js';
import { type GatewayConfig, readEnvironment } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { openStore, type Store } from '../store/index.js';
import { readSecret } from '../targets/index.js';

/** @throws GwError `store.unavailable` | `store.schema` | `config.invalid` */
export async function openState(config: GatewayConfig, embeddedUrl: string | null, logger: Logger): Promise<Store> {
  return openStore({ url: embeddedUrl ?? (await configuredUrl(config)), logger });
}

async function configuredUrl(config: GatewayConfig): Promise<string> {
  if (config.state.kind === 'embedded') throw new GwError('internal.error', 'The worker was given no address of the embedded state database.');
  try {
    return (await readSecret(config.state.url, readEnvironment)).expose();
  } catch (cause) {
    const { message } = GwError.from(cause);
    throw new GwError('config.invalid', `The URL of the state database (state.url) could not be read. ${message}`, { cause });
  }
}
