/**
 * Runs the user's program with the terminal as its own and ends as it ended. Ctrl-C belongs to the program: at a terminal the whole job
 * gets the signal, so gw ignores its copy; without one (CI, a supervisor) gw passes it on. Other signals are passed on always. Exit
 * code and signal are reported exactly, so that a script sees what it would see without gw.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { GwError } from '../../contract/gw-error.js';
import { hasTerminal } from '../terminal.js';

export type ProgramEnd = { readonly kind: 'code'; readonly code: number } | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Is told what a program says before it is passed on. What it throws ends the program. */
export interface ProgramTap {
  output(bytes: Buffer): void;
  error(bytes: Buffer): void;
}

/** Sent to a job by the terminal itself. */
const TERMINAL_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const PASSED_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'win32' ? ['SIGTERM', 'SIGBREAK'] : ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGPIPE', 'SIGCONT', 'SIGWINCH'];

/** @throws GwError `client.missing` when the program cannot be started; whatever `tap` threw. */
export function runProgram(options: ProgramOptions, tap: ProgramTap | null = null): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    const said = tap === null ? 'inherit' : 'pipe';
    const child = spawn(options.command, [...options.args], { stdio: ['inherit', said, said], env: options.env });
    let failure: GwError | null = null;
    if (tap !== null) {
      const failed = (thrown: unknown): void => {
        failure ??= GwError.from(thrown);
        child.kill('SIGKILL');
      };
      passOn(child.stdout, process.stdout, (bytes) => tap.output(bytes), failed);
      passOn(child.stderr, process.stderr, (bytes) => tap.error(bytes), failed);
    }
    const forwardAll = !hasTerminal();
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    const ignore = (): void => undefined;
    const handlers = new Map<NodeJS.Signals, (signal: NodeJS.Signals) => void>([
      ...TERMINAL_SIGNALS.map((signal) => [signal, forwardAll ? forward : ignore] as const),
      ...PASSED_SIGNALS.map((signal) => [signal, forward] as const),
    ]);
    for (const [signal, handler] of handlers) process.on(signal, handler);
    const stopListening = (): void => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    };
    child.once('error', (cause: NodeJS.ErrnoException) => {
      stopListening();
      const why = cause.code === 'ENOENT' ? 'it was not found' : cause.code === 'EACCES' ? 'it is not executable' : 'the system refused';
      reject(new GwError('client.missing', `Cannot run "${options.command}": ${why}.`, { cause, hint: 'Check the name and the PATH.' }));
    });
    // `close` comes when everything that it said was passed on.
    child.once(tap === null ? 'exit' : 'close', (code: number | null, signal: NodeJS.Signals | null) => {
      stopListening();
      if (failure !== null) reject(failure);
      else resolve(signal === null ? { kind: 'code', code: code ?? 1 } : { kind: 'signal', signal });
    });
  });
}

/** Everything that `from` says goes to `to`, no faster than it takes it. */
function passOn(from: Readable | null, to: NodeJS.WriteStream, first: (bytes: Buffer) => void, failed: (thrown: unknown) => void): void {
  from?.on('data', (bytes: Buffer) => {
    try {
      first(bytes);
    } catch (thrown) {
      failed(thrown);
      return;
    }
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => from?.resume());
  // Whoever read it has left: the program is to learn of it as it would without gw.
  to.on('error', () => from?.destroy());
}

/** The exit code under which shells report the end. */
export function shellCode(end: ProgramEnd): number {
  return end.kind === 'code' ? end.code : 128 + constants.signals[end.signal];
}

/** Ends this process as the program ended, by the same signal if it was one. Returns the code to exit with where that is not possible. */
export async function dieLike(end: ProgramEnd): Promise<number> {
  if (end.kind === 'signal' && process.platform !== 'win32') {
    process.removeAllListeners(end.signal);
    // A process that leaves a core would write one for gw too, which says nothing.
    process.kill(process.pid, end.signal);
    // The signal arrives in a moment, unless this process may not die of it (the first process of a container).
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return shellCode(end);
}
