/** Where the CLI keeps its files (XDG base directories), and the one way in which it writes them: 0600, atomically, in 0700 folders. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Environment } from '../environment.js';

export interface ProfilePaths {
  readonly config: string;
  readonly state: string;
  /** Contexts and their settings. */
  readonly userFile: string;
}

export function profilePaths(environment: Pick<Environment, 'configHome' | 'stateHome'>): ProfilePaths {
  const config = join(environment.configHome ?? join(homedir(), '.config'), 'gw');
  return { config, state: join(environment.stateHome ?? join(homedir(), '.local', 'state'), 'gw'), userFile: join(config, 'config.json') };
}

/** `host_port`, safe as a file name on every system. */
export function gatewayFileName(gateway: URL): string {
  return `${gateway.hostname.replace(/[^A-Za-z0-9.-]/g, '-')}_${gateway.port === '' ? '443' : gateway.port}`;
}

/** PEM file of the authority that is trusted for exactly this gateway (or issuer). */
export function knownCaFile(paths: ProfilePaths, origin: URL): string {
  return join(paths.config, 'gateways', `${gatewayFileName(origin)}.pem`);
}

export async function writePrivateFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
    // The umask can only take rights away, but an inherited ACL mask may not.
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  }
}
