/** Files of the quickstart's directory that hold a secret: mode 0600, made once, kept over restarts. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { newId } from '../base/id.js';
import { readIfThere } from '../base/read-if-there.js';
import { Secret } from '../base/secret.js';

/** Content of the file; when it does not exist it is made with what `make` gives. */
export async function keptSecret(path: string, make: () => string | Promise<string> = generatedPassword): Promise<Secret> {
  const found = await readIfThere(path);
  if (found !== null) return new Secret(found.trimEnd());
  const value = await make();
  await writePrivately(path, `${value}\n`);
  return new Secret(value);
}

/** Writes a 0600 file in one step: a reader sees the old content or the new one. */
export async function writePrivately(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${newId('draft')}`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  await rename(draft, path);
}

/** 144 random bits in 24 URL-safe characters. */
function generatedPassword(): string {
  return randomBytes(18).toString('base64url');
}
