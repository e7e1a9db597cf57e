/**
 * Runs the shipped `gw` (and through it the real psql) as child processes, each person with a home of their own, so that the tour reads
 * and leaves nothing in the home of whoever runs it.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { childEnvironment } from '../../cli/environment.js';
import { GwError } from '../../contract/gw-error.js';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Resolves when stderr or stdout has said something that matches; rejects when the command ends without. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  readonly finished: Promise<Finished>;
}

export interface TourShell {
  /** `gw ARGS` as this person, to its end. */
  gw(who: string, args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Finished>;
  /** The same, not waited for. */
  start(who: string, args: readonly string[], environment?: Readonly<Record<string, string>>): Running;
  /** Any other program as this person. */
  program(who: string, command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Finished>;
  /** Ends what still runs and removes the homes. */
  close(): Promise<void>;
}

const COMMAND_MS = 60_000;

export async function openTourShell(packageRoot: string, gateway: string, caFile: string): Promise<TourShell> {
  const homes = await mkdtemp(join(tmpdir(), 'gw-tour-'));
  const children = new Set<ChildProcessByStdio<null, Readable, Readable>>();
  const people = new Set<string>();

  const environmentOf = (who: string, extra: Readonly<Record<string, string>>): Record<string, string> => {
    const home = join(homes, who);
    return childEnvironment({
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_STATE_HOME: join(home, 'state'),
      GW_GATEWAY: gateway,
      GW_CA_FILE: caFile,
      GW_KEYRING: 'file',
      GW_KEYRING_PASSPHRASE: 'tour',
      GW_CONTEXT: null,
      GW_ID_TOKEN_FILE: null,
      GW_CLIENT_ID: null,
      // People in the tour are people, also when a CI job plays it.
      GW_NO_INPUT: null,
      CI: null,
      GITLAB_CI: null,
      ACTIONS_ID_TOKEN_REQUEST_URL: null,
      GW_TARGET: null,
      NO_COLOR: '1',
      PSQLRC: '/dev/null',
      ...extra,
    });
  };

  const launch = async (who: string, command: string, args: readonly string[], extra: Readonly<Record<string, string>>) => {
    if (!people.has(who)) await mkdir(join(homes, who), { recursive: true, mode: 0o700 });
    people.add(who);
    const child = spawn(command, args, { env: environmentOf(who, extra), stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_MS, killSignal: 'SIGKILL' });
    children.add(child);
    child.once('close', () => children.delete(child));
    return child;
  };

  const gwArgs = (args: readonly string[]): string[] => [join(packageRoot, 'bin', 'run.js'), ...args];
  const toEnd = async (who: string, command: string, args: readonly string[], extra: Readonly<Record<string, string>>): Promise<Finished> =>
    watch(await launch(who, command, args, extra)).finished;
  return {
    gw: (who, args, extra = {}) => toEnd(who, process.execPath, gwArgs(args), extra),
    start: (who, args, extra = {}) => {
      const running = launch(who, process.execPath, gwArgs(args), extra).then(watch);
      return { said: async (pattern) => (await running).said(pattern), finished: running.then(({ finished }) => finished) };
    },
    program: toEnd,
    close: async () => {
      await Promise.all([...children].map((child) => new Promise((resolve) => child.once('close', resolve).kill('SIGKILL'))));
      await rm(homes, { recursive: true, force: true });
    },
  };
}

function watch(child: ChildProcessByStdio<null, Readable, Readable>): Running {
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const heard = (): void => {
    for (const look of [...waiting]) look();
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    heard();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    heard();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new GwError('quickstart.start', `The tour could not run ${child.spawnfile}: ${cause.message}.`, {
          hint: 'The tour needs psql: apt-get install postgresql-client.',
          cause,
        }),
      ),
    );
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stderr) ?? pattern.exec(stdout);
        if (match === null) return;
        waiting.delete(look);
        resolve(match);
      };
      waiting.add(look);
      finished.then(
        () => reject(new GwError('quickstart.start', `The command ended without saying what the tour waits for: ${stderr.trim().split('\n').at(-1) ?? ''}`)),
        reject,
      );
      look();
    });
  return { said, finished };
}
