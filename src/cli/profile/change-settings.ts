/** What `gw config` does to the user file: read, change, write, under the lock that keeps two of them from losing a change. */
import { withFileLock } from '../../client/file-lock.js';
import { GwError } from '../../contract/gw-error.js';
import type { Environment } from '../environment.js';
import { profilePaths } from './paths.js';
import { parseGateway } from './settings.js';
import { CONTEXT_KEYS, type ContextKey, readUserFile, type UserFile, withSetting, writeUserFile } from './user-file.js';

export interface ContextData {
  readonly name: string;
  readonly current: boolean;
  readonly gateway: string | null;
  readonly target: string | null;
}

function dataOf(file: UserFile, name: string): ContextData {
  const context = file.contexts[name];
  return { name, current: file.current === name, gateway: context?.gateway ?? null, target: context?.target ?? null };
}

async function change(environment: Environment, work: (file: UserFile) => { readonly file: UserFile; readonly name: string }): Promise<ContextData> {
  const { userFile } = profilePaths(environment);
  return withFileLock(`${userFile}.lock`, async () => {
    const { file, name } = work(await readUserFile(userFile));
    await writeUserFile(userFile, file);
    return dataOf(file, name);
  });
}

function requireContext(file: UserFile, name: string): string {
  if (Object.hasOwn(file.contexts, name)) return name;
  throw new GwError('usage.invalid', `There is no context "${name}".`, { hint: 'Run `gw config ls` to see the contexts.' });
}

function asKey(key: string): ContextKey {
  const known = CONTEXT_KEYS.find((candidate) => candidate === key);
  if (known !== undefined) return known;
  throw new GwError('usage.invalid', `There is no setting "${key}".`, { hint: `Settings are ${CONTEXT_KEYS.join(' and ')}.` });
}

/** `value` null removes the setting. @throws GwError `usage.invalid` */
export function changeSetting(environment: Environment, context: string | undefined, key: string, value: string | null): Promise<ContextData> {
  const setting = asKey(key);
  const checked = value !== null && setting === 'gateway' ? parseGateway(value).origin : value;
  return change(environment, (file) => {
    const name = context ?? environment.context ?? file.current ?? 'default';
    if (value === null) requireContext(file, name);
    return { file: withSetting(file, name, setting, checked), name };
  });
}

export function useContext(environment: Environment, name: string): Promise<ContextData> {
  return change(environment, (file) => ({ file: { ...file, current: requireContext(file, name) }, name }));
}

/** Returns the context as it was. */
export async function removeContext(environment: Environment, name: string): Promise<ContextData> {
  let removed: ContextData | null = null;
  await change(environment, (file) => {
    removed = dataOf(file, requireContext(file, name));
    const { [name]: _gone, ...contexts } = file.contexts;
    return { file: { current: file.current === name ? null : file.current, contexts }, name };
  });
  return removed ?? { name, current: false, gateway: null, target: null };
}

export async function listContexts(environment: Environment): Promise<readonly ContextData[]> {
  const file = await readUserFile(profilePaths(environment).userFile);
  return Object.keys(file.contexts)
    .sort()
    .map((name) => dataOf(file, name));
}
