/** Removes a login. That the issuer cannot be reached is said, but does not keep the login on the machine. */
import { revokeLogin } from '../../client/renew-login.js';
import type { StoredLogin } from '../../client/stored-login.js';
import { GwError } from '../../contract/gw-error.js';
import type { Reach } from '../connection.js';
import { sayWarning } from '../failure.js';

export interface LogoutResult {
  readonly gateway: string;
  readonly removed: boolean;
  readonly revoked: boolean;
}

async function revoke(reach: Reach, login: StoredLogin): Promise<boolean> {
  try {
    return await revokeLogin(login, reach.transport);
  } catch (thrown) {
    sayWarning(`The login was removed here, but the identity provider was not told: ${GwError.from(thrown).message}`);
    return false;
  }
}

export async function logoutFlow(reach: Reach): Promise<LogoutResult> {
  const gateway = reach.gateway.origin;
  return reach.lock(gateway, async () => {
    // A login that cannot be read any more must still go away.
    const login = await reach.store.read(gateway).catch((thrown: unknown) => {
      sayWarning(GwError.from(thrown).message);
      return null;
    });
    const removed = await reach.store.remove(gateway);
    return { gateway, removed, revoked: login === null ? false : await revoke(reach, login) };
  });
}
