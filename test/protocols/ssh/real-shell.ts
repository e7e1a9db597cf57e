/**
 * The shells of this machine, to hold against what is read from a text: which of a few programs they start for it. Each of these says its name, as
 * a function of the shell itself and as a program for whatever starts one (`env`, `sh -c`). Nothing else can be found but what is listed here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAMES = ['alpha', 'beta', 'gamma', 'epsilon'];
export const SHELLS = ['dash', 'bash'];
const STARTERS = ['sh', 'dash', 'bash', 'cat', 'env', 'nice', 'nohup', 'setsid', 'stdbuf', 'timeout', 'time', 'ionice'];
/** In a process group of its own; the types do not know it here, Node does. */
const GROUP = { detached: true };
const PRELUDE = NAMES.map((name) => `${name}() { echo "ran:${name}" >&9; }`).join('; ');

export class RealShell {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gw-shell-'));
  readonly #programs = join(this.#folder, 'programs');
  /** Redirections make files. */
  readonly #work = join(this.#folder, 'work');

  constructor() {
    mkdirSync(this.#programs);
    mkdirSync(this.#work);
    for (const name of NAMES) writeFileSync(join(this.#programs, name), `#!/bin/sh\necho "ran:${name}" >&9\n`, { mode: 0o755 });
    for (const name of STARTERS) {
      const found = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path));
      if (found !== undefined) symlinkSync(found, join(this.#programs, name));
    }
  }

  /** The programs of `NAMES` that the shell starts for a text. */
  started(shell: string, command: string): Set<string> {
    // A text that ends in a failure has run what stands before it. One that starts itself again and again must not outlive its time.
    const { pid, stdout } = spawnSync(`/bin/${shell}`, ['-c', `${PRELUDE}; exec 9>&1 >/dev/null 2>&1 </dev/null; set -f; eval "$1"`, shell, command], {
      env: { PATH: this.#programs },
      cwd: this.#work,
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
      ...GROUP,
    });
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // Nothing is left of it.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    const out = stdout.toString();
    return new Set([...out.matchAll(/ran:(\w+)/g)].map(([, name]) => name ?? ''));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
