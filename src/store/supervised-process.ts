/**
 * Adapter: starts a process that never outlives this one, however this one ends. A small `sh` stands between: it holds the read end of a
 * pipe from us, and when the pipe closes (we stopped it, we exited, we were killed) it signals the process. The pair runs in a session
 * of its own, so that Ctrl-C in the terminal reaches only us and we decide the order in which things stop.
 * Linux and macOS; there is no such supervisor for Windows.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** $1: the signal that asks for a clean end; the rest: the command. Descriptor 3 is our pipe; the command itself must not hold it. */
const SUPERVISOR = `
exec 3<&0 </dev/null
signal=$1; shift
"$@" 3<&- & child=$!
{ read -r _ <&3; kill -s "$signal" "$child"; } 2>/dev/null >&2 & watcher=$!
exec 3<&-
wait "$child"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"`;

export interface SupervisedOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Name of the signal that asks the process to end cleanly, without SIG. */
  readonly stopSignal: 'INT' | 'TERM';
  readonly cwd: string;
  /** Whole environment of the process; undefined inherits ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the process as this account; only root may. Supplementary groups are dropped. */
  readonly account?: { readonly uid: number; readonly gid: number } | null;
}

export interface SupervisedProcess {
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  /** Resolves when the process and its supervisor are gone and all output was read. `error`: it could not be spawned. */
  readonly exited: Promise<{ readonly code: number | null; readonly error: Error | null }>;
  /** Asks for a clean end and waits at most `graceMs` before it kills the process group. Any number of calls. */
  stop(graceMs: number): Promise<void>;
}

/** Starts the process. Never throws: a failed spawn is told by `exited`. */
export function superviseProcess(options: SupervisedOptions): SupervisedProcess {
  const { account } = options;
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'gw-supervisor', options.stopSignal, options.command, ...options.args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(account === undefined || account === null ? {} : { uid: account.uid, gid: account.gid }),
  });
  // The pipe is only ever closed; when the supervisor is gone first, that is told by `exited`.
  child.stdin.on('error', () => undefined);
  const exited = ended(child);
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    stop: async (graceMs) => {
      child.stdin.end();
      const timer = setTimeout(() => killGroup(child), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function ended(child: ChildProcess): SupervisedProcess['exited'] {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, error }));
    child.once('close', (code) => resolve({ code, error: null }));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (cause) {
    // ESRCH: it ended in this very moment, which is what was wanted.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}
