/**
 * The policy in force, kept in step with its files. A new set takes the place of the old one in one assignment, and only when all of it is
 * right: a broken file changes nothing and is reported loudly. Changes are noticed by watching directories (editors and mounted
 * configuration replace files rather than write them), by looking again now and then, and by `reload()`.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { PolicySource } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { loadPolicyGently } from './gentle-load.js';
import { loadPolicy } from './load-policy.js';
import { type PolicyFiles, readPolicyFiles } from './policy-files.js';
import type { LoadedPolicy } from './policy-set.js';

interface PolicySourceOptions {
  /** Paths of policy files, `*` allowed, relative to `baseDir`. */
  readonly paths: readonly string[];
  readonly baseDir: string;
  readonly protocols: readonly ProtocolDescriptor[];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Called after the swap, for live sessions and the audit log. */
  readonly onChange?: (current: LoadedPolicy, previous: LoadedPolicy) => void;
  /** Called when a reload failed and the old set stays. */
  readonly onError?: (error: GwError) => void;
  /** How often to look without having been told, milliseconds. Default 30,000. */
  readonly rescanMs?: number;
}

/** `failed`: the old set stays in force and `lastError` says why. */
type ReloadOutcome = 'loaded' | 'unchanged' | 'failed';

export interface ReloadablePolicySource extends PolicySource, AsyncDisposable {
  current(): LoadedPolicy;
  /** Reads the files again, now. Never rejects. */
  reload(): Promise<ReloadOutcome>;
  /** Why the files on disk are not what is in force; null when they are. */
  readonly lastError: GwError | null;
}

/** A file is taken when two looks this far apart saw the same: one that is still being written is not a policy. */
const SETTLE_MS = 60;

const fingerprint = (read: PolicyFiles): string => JSON.stringify(read.files);

class WatchedPolicy implements ReloadablePolicySource {
  readonly #options: PolicySourceOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #rescan: NodeJS.Timeout;
  #settle: NodeJS.Timeout | null = null;
  /** What the last look saw, when it differs from what is in force. */
  #seen: string | null = null;
  #current: LoadedPolicy;
  #inForce: string;
  /** What was last found to be broken, so that it is reported once. */
  #broken: string | null = null;
  #lastError: GwError | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: PolicySourceOptions, current: LoadedPolicy, read: PolicyFiles) {
    this.#options = options;
    this.#current = current;
    this.#inForce = fingerprint(read);
    this.#watch(read.directories);
    this.#rescan = setInterval(() => this.#noticed(), options.rescanMs ?? 30_000);
    this.#rescan.unref();
  }

  get lastError(): GwError | null {
    return this.#lastError;
  }

  current(): LoadedPolicy {
    return this.#current;
  }

  reload(): Promise<ReloadOutcome> {
    return this.#enqueue(() => this.#look(true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#rescan);
    if (this.#settle !== null) clearTimeout(this.#settle);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#queue;
  }

  /** One look at a time; `work` does not reject. */
  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work);
    this.#queue = next;
    return next;
  }

  #noticed(): void {
    if (this.#closed || this.#settle !== null) return;
    this.#settle = setTimeout(() => {
      this.#settle = null;
      void this.#enqueue(() => this.#look(false));
    }, SETTLE_MS);
    this.#settle.unref();
  }

  async #look(now: boolean): Promise<ReloadOutcome> {
    if (this.#closed) return 'unchanged';
    let read: PolicyFiles;
    try {
      read = await readPolicyFiles(this.#options.paths, this.#options.baseDir);
    } catch (error) {
      return this.#settled(now, `unreadable ${String(error)}`) ? this.#failed(GwError.from(error), String(error)) : 'unchanged';
    }
    this.#watch(read.directories);
    const seen = fingerprint(read);
    if (seen === this.#inForce) {
      this.#seen = null;
      this.#broken = null;
      this.#lastError = null;
      return 'unchanged';
    }
    if (!this.#settled(now, seen)) return 'unchanged';
    let loaded: LoadedPolicy;
    try {
      loaded = await loadPolicyGently(read.files, this.#options.protocols, this.#options.clock === undefined ? {} : { clock: this.#options.clock });
    } catch (error) {
      return this.#failed(GwError.from(error), seen);
    }
    if (this.#closed) return 'unchanged';
    return this.#take(loaded, seen);
  }

  /** Whether what was seen is what the look before saw too. Otherwise asks for another look. */
  #settled(now: boolean, seen: string): boolean {
    if (now || this.#seen === seen) return true;
    this.#seen = seen;
    this.#noticed();
    return false;
  }

  #take(loaded: LoadedPolicy, seen: string): ReloadOutcome {
    const previous = this.#current;
    this.#current = loaded;
    this.#inForce = seen;
    this.#seen = null;
    this.#broken = null;
    this.#lastError = null;
    // Comments and layout are not policy: the text behind the digest is renewed, but nobody need be told.
    if (loaded.digest === previous.digest) return 'unchanged';
    this.#options.logger.info({ policy: loaded.digest, previous: previous.digest, rules: loaded.rules.length }, 'policy changed');
    this.#tell(() => this.#options.onChange?.(loaded, previous));
    return 'loaded';
  }

  #failed(error: GwError, seen: string): ReloadOutcome {
    this.#lastError = error;
    if (this.#broken === seen) return 'failed';
    this.#broken = seen;
    this.#options.logger.error(
      { code: error.code, problem: error.message, policy: this.#current.digest },
      'the policy files are not valid; the policy before them stays in force',
    );
    this.#tell(() => this.#options.onError?.(error));
    return 'failed';
  }

  /** A listener's failure is not the policy's. */
  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a listener for policy changes failed');
    }
  }

  /** Watches exactly these directories. Where that cannot be done, looking again now and then remains. */
  #watch(directories: readonly string[]): void {
    if (this.#closed) return;
    for (const [directory, watcher] of this.#watchers) {
      if (directories.includes(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of directories) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#noticed());
        watcher.on('error', (error) => {
          this.#options.logger.warn({ directory, err: error }, 'watching a policy directory failed; it is looked at now and then instead');
          watcher.close();
          this.#watchers.delete(directory);
        });
        this.#watchers.set(directory, watcher);
      } catch (error) {
        this.#options.logger.warn({ directory, err: error }, 'a policy directory cannot be watched; it is looked at now and then instead');
      }
    }
  }
}

/**
 * Loads the policy and keeps it in step with its files until disposed.
 * @throws GwError `policy.invalid` when the files are not valid now: there is nothing to keep in force.
 */
export async function createPolicySource(options: PolicySourceOptions): Promise<ReloadablePolicySource> {
  const read = await readPolicyFiles(options.paths, options.baseDir);
  const loaded = loadPolicy(read.files, options.protocols, options.clock === undefined ? {} : { clock: options.clock });
  return new WatchedPolicy(options, loaded, read);
}
