/**
 * Reads a secret from where the configuration says it is. Called for each session, so that a rotated password takes effect at once.
 * Messages name the kind of source only; paths, names of variables and what a helper printed stay in the cause.
 */
import { open } from 'node:fs/promises';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { SecretSource } from '../contract/settings.js';
import { runCredentialCommand } from './command-credential.js';

const MAX_FILE = 64 * 1024;

export type ReadEnvironment = (name: string) => string | undefined;

/** What of a file, or of a command's output, is the secret: its first `line` (a password), or the `whole` of it (a key in PEM). */
export type SecretExtent = 'line' | 'whole';

/** @throws GwError `target.credential` */
export async function readSecret(source: SecretSource, environment: ReadEnvironment, extent: SecretExtent = 'line'): Promise<Secret> {
  const cut = extent === 'line' ? firstLine : (text: string): string => text;
  switch (source.kind) {
    case 'literal':
      return source.value;
    case 'env': {
      const value = environment(source.name);
      if (value === undefined)
        throw new GwError('target.credential', 'The environment variable that holds the credential is not set.', { cause: { variable: source.name } });
      return checked(value, 'The environment variable that holds the credential', { variable: source.name });
    }
    case 'file':
      return checked(cut(await readCapped(source.path)), extent === 'line' ? 'The first line of the credential file' : 'The credential file', {
        path: source.path,
      });
    case 'command':
      return checked(
        cut(await runCredentialCommand(source.argv, source.directory)),
        extent === 'line' ? 'The first line that the credential command printed' : 'What the credential command printed',
        {
          program: source.argv[0],
        },
      );
  }
}

async function readCapped(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_FILE), 0, MAX_FILE, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new GwError('target.credential', 'The credential file could not be read.', { cause });
  }
}

function firstLine(text: string): string {
  const end = text.indexOf('\n');
  const line = end < 0 ? text : text.slice(0, end);
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function checked(value: string, what: string, cause: object): Secret {
  if (value === '') throw new GwError('target.credential', `${what} is empty.`, { cause });
  if (value.includes('\0')) throw new GwError('target.credential', `${what} holds a NUL.`, { cause });
  return new Secret(value);
}
