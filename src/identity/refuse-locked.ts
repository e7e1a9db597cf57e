/** A lock on a person holds for whoever acts for that person too. */
import { GwError } from '../contract/gw-error.js';
import { type Identity, subjectsOf } from '../contract/identity.js';

/** Cheap, asked at every login. */
export type IsLocked = (issuer: string, subject: string) => Promise<boolean>;

/** @throws GwError `login.locked` */
export async function refuseLocked(identity: Identity, isLocked: IsLocked): Promise<void> {
  const [self, principal] = await Promise.all(subjectsOf(identity).map(({ issuer, subject }) => isLocked(issuer, subject)));
  if (self !== false) throw new GwError('login.locked', 'This identity is locked.');
  if (principal === true) throw new GwError('login.locked', 'The person on whose behalf this identity acts is locked.');
}
