/** The targets of the configuration, by name. Immutable: a reload makes a new registry, and live sessions keep the target they began with. */

import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { SecretSource, TargetSettings } from '../contract/settings.js';
import type { HeldCredential, Target } from '../contract/target.js';
import { type ReadEnvironment, readSecret, type SecretExtent } from './read-secret.js';

export interface TargetRegistry {
  /** Undefined when there is none of that name. */
  get(name: string): Target | undefined;
  /** In the order of the configuration. */
  list(): readonly Target[];
}

/**
 * @param options.environment how to read an environment variable; only the configuration may look at the process's own
 * @throws GwError `config.invalid` when two targets have one name
 */
export function createTargets(settings: readonly TargetSettings[], options: { readonly environment: ReadEnvironment }): TargetRegistry {
  const targets = new Map<string, Target>();
  for (const each of settings) {
    if (targets.has(each.name)) throw new GwError('config.invalid', `Two targets have the name "${each.name}".`);
    const { credential, ...rest } = each;
    const password = credential.password === null ? null : secretOf(each.name, credential.password, options.environment, 'line');
    const key = credential.key === undefined ? null : secretOf(each.name, credential.key, options.environment, 'whole');
    targets.set(each.name, {
      ...rest,
      account: credential.username,
      accounts: credential.principals === undefined ? 'own' : 'named',
      credential: async (): Promise<HeldCredential> => ({
        username: credential.username,
        principals: credential.principals ?? null,
        password: password === null ? null : await password(),
        ...(key === null ? {} : { key: await key() }),
      }),
    });
  }
  const all = [...targets.values()];
  return { get: (name) => targets.get(name), list: () => all };
}

/** Sessions that open while a command is running share its result: a burst of logins must not start a burst of processes. */
function secretOf(target: string, source: SecretSource, environment: ReadEnvironment, extent: SecretExtent): () => Promise<Secret> {
  let running: Promise<Secret> | null = null;
  const read = async (): Promise<Secret> => {
    try {
      return await readSecret(source, environment, extent);
    } catch (error) {
      const inner = GwError.from(error);
      throw new GwError('target.credential', `The credential for the target "${target}" could not be obtained. ${inner.message}`, { cause: inner });
    }
  };
  if (source.kind !== 'command') return read;
  return () => {
    running ??= read().finally(() => {
      running = null;
    });
    return running;
  };
}
