/**
 * Looks at a target for those who set up masking: its catalog, and samples of its columns that stay in the gateway. Like a session it needs a
 * login and a grant; unlike one it carries nothing of the client to the target.
 */
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { LooksLike, SampledColumn } from '../contract/masking-policy.js';
import type { Grant } from '../contract/verdict.js';
import { authenticate } from './authenticate.js';
import { AwaitedGrant, authorize } from './authorize.js';
import type { LoginThrottle } from './login-throttle.js';
import type { PathServices } from './path-services.js';
import { onSideConnection } from './side-connection.js';
import type { TargetCatalogs } from './target-catalogs.js';

/** A scan of a database of many tables takes its time. */
const WHOLE_MS = 10 * 60_000;

export class Survey {
  readonly #services: PathServices;
  readonly #throttle: LoginThrottle;
  readonly #catalogs: TargetCatalogs;

  constructor(services: PathServices, throttle: LoginThrottle, catalogs: TargetCatalogs) {
    this.#services = services;
    this.#throttle = throttle;
    this.#catalogs = catalogs;
  }

  async #grant(token: Secret, address: string, target: string): Promise<Grant> {
    const { targets, policy } = this.#services;
    const grant = authorize(await authenticate({ kind: 'token', token }, address, this.#services, this.#throttle), target, null, null, targets, policy);
    if (grant instanceof AwaitedGrant)
      throw new GwError('policy.connect_denied', 'To connect to this target you need an approval; nothing is looked at without one.', {
        hint: 'Ask somebody who may connect without one, or have the policy let you.',
      });
    return grant;
  }

  /** The catalog as a session of the caller's would see it; null: none is to be had. @throws GwError `login.*` | `policy.*` | `target.*` */
  async catalog(token: Secret, address: string, target: string): Promise<object | null> {
    const grant = await this.#grant(token, address, target);
    const protocol = this.#services.protocols.get(grant.target.protocol);
    if (protocol === undefined || protocol.catalog === null) return null;
    const { username } = await grant.target.credential();
    const seat = await this.#catalogs.join(grant, protocol, null, username);
    const snapshot = seat.current();
    seat.leave();
    return snapshot;
  }

  /** @throws GwError `login.*` | `policy.*` | `target.*` | `usage.invalid` where the protocol masks nothing */
  async sample(token: Secret, address: string, target: string, scope: string | null, rows: number, looksLike: LooksLike): Promise<readonly SampledColumn[]> {
    const grant = await this.#grant(token, address, target);
    const protocol = this.#services.protocols.get(grant.target.protocol);
    const masking = protocol?.masking ?? null;
    if (protocol === undefined || masking === null)
      throw new GwError('usage.invalid', `Nothing is masked on ${target}, which speaks ${grant.target.protocol}.`);
    return onSideConnection(grant, protocol, masking.startup(scope), this.#services, WHOLE_MS, (connection) => masking.sample(connection, rows, looksLike));
  }
}
