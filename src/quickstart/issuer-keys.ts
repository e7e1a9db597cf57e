/** The provider's signing key, cookie key and client secrets: 0600 files in DIR/issuer, the same after every restart. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { MACHINES } from './principals.js';
import { keptSecret } from './secret-file.js';

export const SIGNING_ALGORITHM = 'ES256';

export interface IssuerKeys {
  /** Private key with `kid`, `use` and `alg`. */
  readonly signing: JWK & { readonly kid: string };
  readonly cookie: Secret;
  /** Client secret of each machine, by name. */
  readonly clientSecrets: ReadonlyMap<string, Secret>;
}

/** Opens DIR/issuer, making what is missing. */
export async function openIssuerKeys(directory: string): Promise<IssuerKeys> {
  const clientSecrets = new Map<string, Secret>();
  for (const { name } of MACHINES) clientSecrets.set(name, await keptSecret(clientSecretFile(directory, name)));
  return {
    signing: parsedKey(await keptSecret(join(directory, 'signing-key.json'), newSigningKey), directory),
    cookie: await keptSecret(join(directory, 'cookie-key'), () => randomBytes(32).toString('base64url')),
    clientSecrets,
  };
}

/** File with the client secret of a machine. */
export function clientSecretFile(directory: string, machine: string): string {
  return join(directory, 'clients', machine);
}

async function newSigningKey(): Promise<string> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return JSON.stringify({ ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: SIGNING_ALGORITHM });
}

function parsedKey(stored: Secret, directory: string): IssuerKeys['signing'] {
  const key = JSON.parse(stored.expose()) as JWK;
  if (typeof key.kid !== 'string' || key.kty !== 'EC' || typeof key.d !== 'string') {
    throw new GwError('quickstart.start', `The signing key in ${join(directory, 'signing-key.json')} is not an EC private key.`, {
      hint: 'Remove the file; a new key is made, and all tokens of the old one end.',
    });
  }
  return { ...key, kid: key.kid };
}
