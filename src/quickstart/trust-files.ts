/**
 * While a world runs, the CLI of this user trusts the world's authority for exactly its gateway: one PEM file for each address of it. When
 * the world stops the files go, unless they hold something else by then.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readIfThere } from '../base/read-if-there.js';

/** Writes the authority's certificate to each file. */
export async function plantTrust(files: readonly string[], certificate: string): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, certificate, { mode: 0o600 });
  }
}

/** Removes those of the files that still hold this certificate. */
export async function removeTrust(files: readonly string[], certificate: string): Promise<void> {
  for (const file of files) if ((await readIfThere(file)) === certificate) await rm(file, { force: true });
}
