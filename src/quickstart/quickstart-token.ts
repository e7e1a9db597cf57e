/** `gw quickstart token NAME`: reads the provider's key and address from DIR and signs. Works whether or not the world runs. */
import { GwError } from '../contract/gw-error.js';
import { openIssuerKeys } from './issuer-keys.js';
import { mintToken } from './mint-token.js';
import { readWorldState, worldDirectory } from './world-directory.js';

/** @throws GwError `quickstart.unknown` when no world was started in the directory; `usage.invalid` for an unknown name */
export async function quickstartToken(name: string, dir: string | null): Promise<string> {
  const directory = worldDirectory(dir);
  const state = await readWorldState(directory);
  if (state === null) throw new GwError('quickstart.unknown', `There is no quickstart world in ${directory.dir}.`);
  const { signing } = await openIssuerKeys(directory.issuer);
  return mintToken(name, state.issuer, signing);
}
