/**
 * The keys of masking tokens: those that the configuration names, the newest first, or one that the gateway makes and keeps in its data
 * directory. Gateways that share their users need the same keys, or one value has two tokens.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { Secret } from '../base/secret.js';
import type { GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import type { TokenKey } from '../contract/masking.js';
import type { MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import { createMaskingDoor, createTokenKeys, type TokenKeys } from '../masking/index.js';
import { configuredSecret } from './configured-secret.js';
import { keptSecret } from './kept-secret.js';

const BYTES = 32;
/** Number of the key that the gateway makes itself. */
const OWN_KEY = 0;

/** @throws GwError `config.invalid` */
export async function loadTokenKeys(config: GatewayConfig, now: number): Promise<TokenKeys> {
  const { tokenKeys } = config.masking;
  const keys: TokenKey[] = [];
  for (const { id, secret } of tokenKeys) {
    const what = `Token key ${id} (masking.tokenKeys)`;
    keys.push({ id, secret: new Secret<Uint8Array>(decoded(await configuredSecret(secret, what), what)) });
  }
  if (keys.length === 0) {
    const path = join(config.gateway.dataDir, 'token-key');
    keys.push({
      id: OWN_KEY,
      secret: new Secret<Uint8Array>(decoded(await keptSecret(path, () => randomBytes(BYTES).toString('hex'), now), `The token key in ${path}`)),
    });
  }
  return createTokenKeys(keys);
}

/** One door for each view, with the keys that are in force: after a reload that changed them, all are made anew. */
export function createMaskingDoors(keysInForce: () => TokenKeys, clock: Clock): (view: MaskingView) => MaskingDoor {
  let keys = keysInForce();
  let doors = new WeakMap<MaskingView, MaskingDoor>();
  return (view) => {
    const now = keysInForce();
    if (now !== keys) [keys, doors] = [now, new WeakMap()];
    let door = doors.get(view);
    if (door === undefined) doors.set(view, (door = createMaskingDoor(view, keys, clock)));
    return door;
  };
}

function decoded(text: string, what: string): Uint8Array {
  const key = /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length < BYTES) throw new GwError('config.invalid', `${what} has fewer than ${BYTES} bytes.`, { hint: 'Make one with `openssl rand -hex 32`.' });
  return key;
}
