/**
 * The user's own settings: contexts (one for each gateway) and which of them is current. JSON, because it is read before every command
 * and nothing else starts as fast; `gw config` edits it.
 */
import { readFile } from 'node:fs/promises';
import { GwError } from '../../contract/gw-error.js';
import { writePrivateFile } from './paths.js';

export interface ContextSettings {
  readonly gateway?: string;
  readonly target?: string;
}

export interface UserFile {
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, ContextSettings>>;
}

export const CONTEXT_KEYS = ['gateway', 'target'] as const;
export type ContextKey = (typeof CONTEXT_KEYS)[number];

const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function checkContextName(name: string): string {
  if (CONTEXT_NAME.test(name)) return name;
  throw new GwError('usage.invalid', `"${name}" cannot be the name of a context.`, { hint: 'Use letters, digits, dot, dash and underscore, at most 64.' });
}

function invalid(path: string, why: string, cause?: unknown): GwError {
  return new GwError('usage.invalid', `The settings in ${path} cannot be used: ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Correct the file, or remove it and run `gw config set gateway URL`.',
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseContext(path: string, name: string, raw: unknown): ContextSettings {
  if (!isRecord(raw)) throw invalid(path, `the context ${name} is not an object`);
  const context: { gateway?: string; target?: string } = {};
  for (const [key, value] of Object.entries(raw)) {
    if (key !== 'gateway' && key !== 'target') throw invalid(path, `the context ${name} has the unknown setting "${key}"`);
    if (typeof value !== 'string') throw invalid(path, `"${key}" of the context ${name} is not text`);
    context[key] = value;
  }
  return context;
}

/** A missing file is an empty one. @throws GwError `usage.invalid` naming the file and the mistake. */
export async function readUserFile(path: string): Promise<UserFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, contexts: {} };
    throw invalid(path, 'it cannot be read', cause);
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
  if (!isRecord(raw)) throw invalid(path, 'it is not an object');
  const contexts = isRecord(raw['contexts']) ? raw['contexts'] : {};
  const parsed = Object.fromEntries(Object.entries(contexts).map(([name, context]) => [name, parseContext(path, name, context)]));
  return { current: typeof raw['current'] === 'string' ? raw['current'] : null, contexts: parsed };
}

export async function writeUserFile(path: string, file: UserFile): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(file, null, 2)}\n`);
}

/** The file with one setting of one context changed; null removes it. A first context becomes the current one. */
export function withSetting(file: UserFile, context: string, key: ContextKey, value: string | null): UserFile {
  const { [key]: _old, ...rest } = file.contexts[checkContextName(context)] ?? {};
  const changed = value === null ? rest : { ...rest, [key]: value };
  return { current: file.current ?? context, contexts: { ...file.contexts, [context]: changed } };
}
