/**
 * After a first login the gateway need not be named again: it becomes a context. An authority given with `--ca-file` is kept for exactly
 * the gateway and, when that is another place, for the issuer that the gateway names.
 */
import { readFile } from 'node:fs/promises';
import type { LoginInfo } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';
import { knownCaFile, writePrivateFile } from '../profile/paths.js';
import type { Settings } from '../profile/settings.js';
import { withSetting, writeUserFile } from '../profile/user-file.js';

/** @throws GwError `usage.invalid` */
export async function readAuthority(file: string): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw new GwError('usage.invalid', `The authority file ${file} cannot be read.`, { cause, hint: 'Check the path.' });
  }
  if (pem.includes('-----BEGIN CERTIFICATE-----') && !pem.includes('PRIVATE KEY-----')) return pem;
  throw new GwError('usage.invalid', `${file} is not the certificate of an authority in PEM form.`, { hint: 'Give the certificate alone, without a key.' });
}

export async function rememberAuthority(pem: string, settings: Settings, gateway: URL, info: Pick<LoginInfo, 'issuer'>): Promise<void> {
  const places = [gateway];
  if (URL.canParse(info.issuer) && new URL(info.issuer).protocol === 'https:') places.push(new URL(info.issuer));
  for (const place of places) await writePrivateFile(knownCaFile(settings.paths, place), pem);
}

/** Name of the context that was made, or null when the gateway was known already. */
export async function rememberGateway(settings: Settings, gateway: URL): Promise<string | null> {
  const { user, paths } = settings;
  if (settings.ownGateways.includes(gateway.origin)) return null;
  const currentIsEmpty = user.current === null || user.contexts[user.current]?.gateway === undefined;
  const base = gateway.hostname.replace(/[^A-Za-z0-9.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'gateway';
  let name = currentIsEmpty ? (user.current ?? 'default') : base;
  for (let number = 2; !currentIsEmpty && user.contexts[name] !== undefined; number++) name = `${base}-${number}`;
  await writeUserFile(paths.userFile, withSetting(user, name, 'gateway', gateway.origin));
  return name;
}
