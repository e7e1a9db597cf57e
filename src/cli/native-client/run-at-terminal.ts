/**
 * Runs the user's program on a terminal of its own (a PTY), with the user's terminal passed through unchanged in both directions: size, keys,
 * colours, mouse, bracketed paste. For recordings only; otherwise a program simply inherits the terminal (`run-program`).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import type { IPty } from '@lydell/node-pty';
import { signalName } from '../../base/signal-name.js';
import { wholeOutput } from '../../base/whole-output.js';
import { GwError } from '../../contract/gw-error.js';
import type { ClientRecorder } from '../record/client-recorder.js';
import type { ProgramEnd, ProgramOptions } from './run-program.js';

const SUSPEND = 0x1a; // Ctrl-Z
const PASSED_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
const DEFAULT_SIZE = { cols: 80, rows: 24 };

const sizeOf = ({ columns, rows }: NodeJS.WriteStream) => ({ cols: columns > 0 ? columns : DEFAULT_SIZE.cols, rows: rows > 0 ? rows : DEFAULT_SIZE.rows });

/** @throws GwError `client.missing` | `recording.local` */
export async function runAtTerminal({ command, args, env }: ProgramOptions, recorder: ClientRecorder): Promise<ProgramEnd> {
  const { stdin, stdout } = process;
  const term = env['TERM'] ?? 'xterm';
  const size = sizeOf(stdout);
  recorder.begins(command, { ...size, term });
  const pty = await open(command, args, env, { ...size, term });
  let failure = null as GwError | null;
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (thrown) {
      failure ??= GwError.from(thrown);
      pty.kill('SIGKILL');
    }
  };
  wholeOutput(pty, (bytes) =>
    attempt(() => {
      recorder.output(bytes);
      if (!stdout.write(bytes)) pty.pause();
    }),
  );
  const onDrain = (): void => pty.resume();
  const onKeys = (keys: Buffer): void => {
    if (keys.length === 1 && keys[0] === SUSPEND && suspends(pty)) suspend(pty);
    else pty.write(keys as unknown as string);
  };
  const onResize = (): void => {
    const { cols, rows } = sizeOf(stdout);
    pty.resize(cols, rows);
    attempt(() => recorder.resize(cols, rows));
  };
  const onSignal = (signal: NodeJS.Signals): void => pty.kill(signal);
  stdout.on('drain', onDrain).on('resize', onResize);
  stdin.on('data', onKeys);
  makeRaw();
  stdin.resume();
  for (const signal of PASSED_SIGNALS) process.on(signal, onSignal);
  const end = await new Promise<ProgramEnd>((resolve) => {
    pty.onExit(({ exitCode, signal }) =>
      resolve(signal === undefined || signal === 0 ? { kind: 'code', code: exitCode } : { kind: 'signal', signal: signalName(signal) }),
    );
  });
  for (const signal of PASSED_SIGNALS) process.off(signal, onSignal);
  stdin.off('data', onKeys);
  stdin.setRawMode(false);
  stdin.pause();
  stdout.off('drain', onDrain).off('resize', onResize);
  if (failure !== null) throw failure;
  return end;
}

/** The program's own terminal has made of its output what it is: the user's passes it on. `setRawMode` leaves line ends to be made of line feeds. */
function makeRaw(): void {
  process.stdin.setRawMode(true);
  // Without a stty line ends come twice, which most programs do not notice.
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}

async function open(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { cols, rows, term }: { cols: number; rows: number; term: string },
): Promise<IPty> {
  let library: typeof import('@lydell/node-pty');
  try {
    library = await import('@lydell/node-pty');
  } catch (cause) {
    throw new GwError('recording.local', 'Terminals cannot be recorded on this kind of machine: the library for it is not installed.', {
      cause,
      hint: 'Install gw with its optional packages, or run the command without a terminal.',
    });
  }
  try {
    return library.spawn(command, [...args], { name: term, cols, rows, cwd: process.cwd(), env: { ...env }, encoding: null });
  } catch (cause) {
    throw new GwError('client.missing', `Cannot run "${command}": the system refused.`, { cause, hint: 'Check the name and the PATH.' });
  }
}

/**
 * Whether the terminal would stop the program itself at Ctrl-Z. The kernel does not when nobody could wake it again, and nobody else than gw could;
 * a program in another job of the terminal (a shell's) is left to it.
 */
function suspends(pty: IPty): boolean {
  try {
    const stat = readFileSync(`/proc/${pty.pid}/stat`, 'utf8');
    const foreground = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[5]);
    if (foreground !== pty.pid) return false;
    const words = execFileSync('stty', ['-F', readlinkSync(`/proc/${pty.pid}/fd/0`), '-a'], { encoding: 'utf8' });
    return /(?<!-)\bisig\b/.test(words) && /\bsusp = \^Z;/.test(words);
  } catch {
    // No /proc or no stty: the key goes to the program like any other.
    return false;
  }
}

/** Stops the program and then gw, as the shell that started it expects; goes on when the shell says so. */
function suspend(pty: IPty): void {
  process.kill(-pty.pid, 'SIGSTOP');
  process.stdin.setRawMode(false);
  process.kill(process.pid, 'SIGTSTP');
  makeRaw();
  process.kill(-pty.pid, 'SIGCONT');
  const { cols, rows } = sizeOf(process.stdout);
  pty.resize(cols, rows);
}
