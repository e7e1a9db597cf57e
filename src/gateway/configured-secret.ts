/** Secrets that the configuration names, read once at the start. */
import { readEnvironment } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import type { SecretSource } from '../contract/settings.js';
import { readSecret } from '../targets/index.js';

/** @param what names the secret and its key in the configuration, for an error @throws GwError `config.invalid` */
export async function configuredSecret(source: SecretSource, what: string): Promise<string> {
  try {
    return (await readSecret(source, readEnvironment)).expose();
  } catch (cause) {
    throw new GwError('config.invalid', `${what} could not be read. ${GwError.from(cause).message}`, { cause });
  }
}
