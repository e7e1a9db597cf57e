/**
 * A token of a person or machine without a login, for scripts: signed by the provider's own key and with the claims of a real login. It
 * needs the key file (0600), so it gives nobody a right they do not have: whoever can read the key is the provider.
 */
import { randomUUID } from 'node:crypto';
import { importJWK, SignJWT } from 'jose';
import { GwError } from '../contract/gw-error.js';
import { type IssuerKeys, SIGNING_ALGORITHM } from './issuer-keys.js';
import { GATEWAY_AUDIENCE, MACHINES, machineClaims, PEOPLE, PRESENCE, personClaims, TOKEN_SECONDS } from './principals.js';

/** @throws GwError `usage.invalid` for a name that is not of this world, with the list of those that are */
export async function mintToken(name: string, issuer: string, signing: IssuerKeys['signing'], now: number = Date.now()): Promise<string> {
  const person = PEOPLE.find((each) => each.name === name);
  const machine = MACHINES.find((each) => each.name === name);
  if (person === undefined && machine === undefined) {
    const names = [...PEOPLE, ...MACHINES].map((each) => each.name);
    throw new GwError('usage.invalid', `There is no "${name}" in the quickstart.`, {
      hint: `Choose one of: ${names.join(', ')}.`,
      detail: { names: names.join(', ') },
    });
  }
  const issuedAt = Math.floor(now / 1000);
  const claims = machine === undefined ? { ...(person === undefined ? {} : personClaims(person)), amr: PRESENCE, auth_time: issuedAt } : machineClaims(machine);
  return new SignJWT({ ...claims, jti: randomUUID() })
    .setProtectedHeader({ alg: SIGNING_ALGORITHM, kid: signing.kid, typ: machine === undefined ? 'JWT' : 'at+jwt' })
    .setSubject(name)
    .setIssuer(issuer)
    .setAudience(GATEWAY_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_SECONDS)
    .sign(await importJWK(signing, SIGNING_ALGORITHM));
}
