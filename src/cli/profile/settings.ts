/**
 * The settings in force for one command: flag before environment before project file before user file. Each remembers where it came
 * from, because `gw config` shows it and because a gateway named by a project file alone is trusted less.
 */
import { readFileSync } from 'node:fs';
import { GwError } from '../../contract/gw-error.js';
import type { Environment } from '../environment.js';
import { knownCaFile, type ProfilePaths, profilePaths } from './paths.js';
import { findProjectFile } from './project-file.js';
import { readUserFile, type UserFile } from './user-file.js';

export type Source = 'flag' | 'environment' | 'project' | 'user';

export interface Sourced<T> {
  readonly value: T;
  readonly source: Source;
}

export interface SettingFlags {
  readonly gateway?: string | undefined;
  readonly context?: string | undefined;
}

export interface Settings {
  readonly gateway: Sourced<URL> | null;
  readonly context: Sourced<string> | null;
  readonly target: Sourced<string> | null;
  /** Path of the project file that was read. */
  readonly projectFile: string | null;
  /** Origins of all gateways in the user's own contexts. */
  readonly ownGateways: readonly string[];
  readonly user: UserFile;
  readonly paths: ProfilePaths;
}

/** `host`, `host:port` or an https URL. @throws GwError `usage.invalid` */
export function parseGateway(text: string): URL {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(url)) throw new GwError('usage.invalid', `"${text}" is not the address of a gateway.`, { hint: 'Give it as https://HOST:PORT.' });
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:')
    throw new GwError('usage.invalid', `"${text}" is not https; gw never sends a token in the clear.`, { hint: 'Give it as https://HOST:PORT.' });
  if (parsed.username !== '' || parsed.password !== '')
    throw new GwError('usage.invalid', 'The address of a gateway holds no user or password.', { hint: 'Give it as https://HOST:PORT and run `gw login`.' });
  return new URL(parsed.origin);
}

function first<T>(...candidates: readonly (readonly [T | null | undefined, Source])[]): Sourced<T> | null {
  for (const [value, source] of candidates) if (value !== null && value !== undefined) return { value, source };
  return null;
}

export async function loadSettings(flags: SettingFlags, environment: Environment, folder: string): Promise<Settings> {
  const paths = profilePaths(environment);
  const [user, project] = await Promise.all([readUserFile(paths.userFile), findProjectFile(folder)]);
  const context = first<string>([flags.context, 'flag'], [environment.context, 'environment'], [project?.context, 'project'], [user.current, 'user']);
  const named = context === null ? undefined : user.contexts[context.value];
  if (context !== null && named === undefined && context.source !== 'user') {
    throw new GwError('usage.invalid', `There is no context "${context.value}".`, {
      hint: 'Run `gw config ls` to see the contexts, and `gw config set gateway URL --context NAME` to make one.',
    });
  }
  // A context chosen on one level beats a gateway named on a weaker one; on the same level the gateway itself is more exact.
  const contextGateway = (source: Source): string | null => (context?.source === source ? (named?.gateway ?? null) : null);
  const gateway = first<string>(
    [flags.gateway, 'flag'],
    [contextGateway('flag'), 'flag'],
    [environment.gateway, 'environment'],
    [contextGateway('environment'), 'environment'],
    [project?.gateway, 'project'],
    [contextGateway('project'), 'project'],
    [contextGateway('user'), 'user'],
  );
  return {
    gateway: gateway === null ? null : { value: parseGateway(gateway.value), source: gateway.source },
    context,
    target: first<string>([environment.target, 'environment'], [project?.target, 'project'], [named?.target, 'user']),
    projectFile: project?.path ?? null,
    ownGateways: Object.values(user.contexts).flatMap((entry) => (entry.gateway === undefined ? [] : [parseGateway(entry.gateway).origin])),
    user,
    paths,
  };
}

function readPem(path: string, required: boolean): string | null {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new GwError('usage.invalid', `The authority file ${path} cannot be read.`, { cause, hint: 'Check the path, or remove GW_CA_FILE.' });
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new GwError('usage.invalid', `${path} holds no certificate in PEM form.`, { hint: 'Give the certificate of the authority, not its key.' });
  return pem;
}

/** The authority known for exactly this origin, else that of GW_CA_FILE, else null: those of the system. */
export function authorityFor(origin: URL, paths: ProfilePaths, caFile: string | null): string | null {
  return readPem(knownCaFile(paths, origin), false) ?? (caFile === null ? null : readPem(caFile, true));
}

/** @throws GwError `usage.invalid` when no gateway is known. */
export function requireGateway(settings: Settings): Sourced<URL> {
  if (settings.gateway !== null) return settings.gateway;
  throw new GwError('usage.invalid', 'No gateway is known yet.', {
    hint: 'Run `gw login --gateway https://HOST:PORT`, or set GW_GATEWAY. `gw quickstart` makes one to try.',
  });
}
