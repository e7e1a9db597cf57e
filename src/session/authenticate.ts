/**
 * Stage 2: a claimed credential becomes `Authenticated`, or nothing does. Only this file can build the value (the class is not exported).
 * Failures count against the address; the peer learns which check failed, never more.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { Authenticator, Identity, IdentityPasses } from '../contract/identity.js';
import type { Credential } from '../contract/protocol.js';
import type { Authenticated } from '../contract/verdict.js';
import type { LoginThrottle } from './login-throttle.js';

class VerifiedIdentity {
  readonly #verified = true;
  readonly identity: Identity;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  static is(value: object): boolean {
    return #verified in value;
  }
}

/** Throws unless `value` was built here. */
export function requireAuthenticated(value: Authenticated): void {
  if (!VerifiedIdentity.is(value)) throw new GwError('internal.error', 'An identity was used that no check has verified.');
}

interface Verifiers {
  readonly authenticator: Authenticator;
  readonly passes: IdentityPasses;
}

async function verified(credential: Credential, { authenticator, passes }: Verifiers): Promise<Identity> {
  switch (credential.kind) {
    case 'token':
      return authenticator.verify(credential.token.expose());
    case 'pass':
      return passes.redeem(credential.pass, credential.holder);
    case 'local-secret':
      throw new GwError('login.required', 'A token is needed here.');
  }
}

/** @throws GwError `login.*` */
export async function authenticate(credential: Credential, address: string, services: Verifiers, throttle: LoginThrottle): Promise<Authenticated> {
  throttle.admit(address);
  try {
    return new VerifiedIdentity(await verified(credential, services)) as unknown as Authenticated;
  } catch (error) {
    const failure = GwError.from(error);
    if (failure.entry.kind === 'login' || failure.entry.kind === 'denied') throttle.failed(address);
    throw failure;
  }
}

/**
 * The native side of a tunnel: the identity is proved by the tunnel's token already; the client must show that it is the one that gw
 * started, by the secret of the local port. Another user of the same machine does not know it.
 * @throws GwError `login.token_invalid`
 */
export function checkLocalSecret(credential: Credential, expected: Secret): void {
  const given = Buffer.from(credential.kind === 'local-secret' ? credential.secret.expose() : '', 'utf8');
  const wanted = Buffer.from(expected.expose(), 'utf8');
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new GwError('login.token_invalid', "The client did not present this local port's secret.", {
      hint: 'Only the client that gw started may use its local port; run `gw connect` yourself.',
    });
  }
}
