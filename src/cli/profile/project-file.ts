/**
 * `.gw.yaml` of a project: defaults for whoever works in that folder. It comes from a repository, so from other people: it may name a
 * gateway, a context and a target, never a credential or an authority, and a gateway that only it names is shown no credential of the
 * environment (see `credential.ts`).
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GwError } from '../../contract/gw-error.js';

const PROJECT_FILE = '.gw.yaml';
const KEYS = ['gateway', 'context', 'target'] as const;
const MAX_SIZE = 65_536;

export interface ProjectFile {
  readonly path: string;
  readonly gateway: string | null;
  readonly context: string | null;
  readonly target: string | null;
}

async function parse(path: string, text: string): Promise<ProjectFile> {
  const { parse: parseYaml } = await import('yaml');
  let raw: unknown;
  try {
    raw = text.length > MAX_SIZE ? null : parseYaml(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new GwError('usage.invalid', `${path} is not valid YAML.`, { cause, hint: 'Correct or remove the file.' });
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new GwError('usage.invalid', `${path} must hold settings by name.`, { hint: `It may set ${KEYS.join(', ')}.` });
  for (const [key, value] of Object.entries(raw)) {
    if (!(KEYS as readonly string[]).includes(key)) {
      throw new GwError('usage.invalid', `${path} sets "${key}", which a project file may not.`, {
        hint: `It may set ${KEYS.join(', ')}; credentials and authorities belong to the user.`,
      });
    }
    if (typeof value !== 'string') throw new GwError('usage.invalid', `"${key}" in ${path} is not text.`, { hint: 'Put the value in quotes.' });
  }
  const values = raw as Partial<Record<(typeof KEYS)[number], string>>;
  return { path, gateway: values.gateway ?? null, context: values.context ?? null, target: values.target ?? null };
}

/** The nearest one from `folder` upwards, or null. */
export async function findProjectFile(folder: string): Promise<ProjectFile | null> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, PROJECT_FILE);
    const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR' || cause.code === 'EACCES') return null;
      throw new GwError('usage.invalid', `${path} cannot be read.`, { cause, hint: 'Correct or remove the file.' });
    });
    if (text !== null) return parse(path, text);
    if (dirname(at) === at) return null;
  }
}
