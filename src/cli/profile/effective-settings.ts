/** The settings in force as rows. Secrets of the environment are named, never shown. */
import { existsSync } from 'node:fs';
import { type Environment, readEnvironment, SECRET_VARIABLES, VARIABLES } from '../environment.js';
import { knownCaFile } from './paths.js';
import type { Settings, Sourced } from './settings.js';

export interface EffectiveSetting {
  readonly setting: string;
  readonly value: string | null;
  readonly source: string;
}

function authority(settings: Settings, environment: Environment): EffectiveSetting {
  const known = settings.gateway === null ? null : knownCaFile(settings.paths, settings.gateway.value);
  if (known !== null && existsSync(known)) return { setting: 'authority', value: known, source: 'user' };
  if (environment.caFile !== null) return { setting: 'authority', value: environment.caFile, source: 'environment' };
  return { setting: 'authority', value: null, source: 'system' };
}

function row(setting: string, sourced: Sourced<string | URL> | null, settings: Settings): EffectiveSetting {
  if (sourced === null) return { setting, value: null, source: 'not set' };
  const value = sourced.value instanceof URL ? sourced.value.origin : sourced.value;
  return { setting, value, source: sourced.source === 'project' ? `project (${settings.projectFile ?? ''})` : sourced.source };
}

export function effectiveSettings(
  settings: Settings,
  environment: Environment = readEnvironment(),
  variables: Readonly<Record<string, string | undefined>> = process.env,
): readonly EffectiveSetting[] {
  const secrets = new Set<string>(SECRET_VARIABLES);
  const present = Object.keys(VARIABLES).filter((name) => secrets.has(name) && (variables[name] ?? '') !== '');
  return [
    row('gateway', settings.gateway, settings),
    row('context', settings.context, settings),
    row('target', settings.target, settings),
    authority(settings, environment),
    { setting: 'settings file', value: settings.paths.userFile, source: existsSync(settings.paths.userFile) ? 'user' : 'not there' },
    ...present.map((name) => ({ setting: name, value: '(set, not shown)', source: 'environment' })),
  ];
}
