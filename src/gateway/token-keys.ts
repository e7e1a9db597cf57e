/**
 * The keys of masking tokens: those that the configuration names, the newest first, or one that the gateway makes and keeps in its data
 * directory. Gateways that share their users need the same keys, or one value has two tokens.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '../base/id.js';
import { Secret } from '../base/secret.js';
import { type GatewayConfig, readEnvironment } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import type { TokenKey } from '../contract/masking.js';
import { createTokenKeys, type TokenKeys } from '../masking/index.js';
import { readSecret } from '../targets/index.js';

const BYTES = 32;
/** Number of the key that the gateway makes itself. */
const OWN_KEY = 0;

/** @throws GwError `config.invalid` */
export async function loadTokenKeys(config: GatewayConfig, now: number): Promise<TokenKeys> {
  const { tokenKeys } = config.masking;
  const keys: TokenKey[] = [];
  for (const { id, secret } of tokenKeys) {
    let text: string;
    try {
      text = (await readSecret(secret, readEnvironment)).expose();
    } catch (cause) {
      throw new GwError('config.invalid', `Token key ${id} (masking.tokenKeys) could not be read. ${GwError.from(cause).message}`, { cause });
    }
    keys.push({ id, secret: new Secret<Uint8Array>(decoded(text, `Token key ${id} (masking.tokenKeys)`)) });
  }
  if (keys.length === 0) {
    const path = join(config.gateway.dataDir, 'token-key');
    keys.push({ id: OWN_KEY, secret: new Secret<Uint8Array>(decoded(await keptKey(path, now), `The token key in ${path}`)) });
  }
  return createTokenKeys(keys);
}

function decoded(text: string, what: string): Uint8Array {
  const key = /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length < BYTES) throw new GwError('config.invalid', `${what} has fewer than ${BYTES} bytes.`, { hint: 'Make one with `openssl rand -hex 32`.' });
  return key;
}

/** Made once: of several workers that start, the first one's is everybody's. */
async function keptKey(path: string, now: number): Promise<string> {
  const found = await read(path);
  if (found !== null) return found;
  const draft = `${path}.${newId('draft', now)}`;
  await writeFile(draft, `${randomBytes(BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    await unlink(draft);
  }
  const kept = await read(path);
  if (kept === null) throw new GwError('config.invalid', `The token key ${path} could not be kept.`);
  return kept;
}

async function read(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}
