/**
 * The quickstart as a command sees it: start, say so, wait for Ctrl-C (or play the tour), stop. Owns the signals of the process while it
 * runs: the first asks for an orderly end, one that comes later hurries it.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PACKAGE_ROOT } from '../base/package-root.js';
import { paintErr, say, writeData } from '../cli/terminal.js';
import { readEnvironment } from '../config/environment.js';
import { worldJson, worldPage } from './print-world.js';
import { type RunningQuickstart, startQuickstart } from './start-quickstart.js';

export interface RunQuickstartOptions {
  readonly dir: string | null;
  readonly port: number | null;
  readonly scale: number | null;
  readonly json: boolean;
  readonly tour: boolean;
  readonly trustFile: (gateway: URL) => string;
}

const DRAIN_MS = 8_000;
const HURRY_MS = 500;
/** npm passes on the Ctrl-C that the terminal has already sent: what comes this soon is the same one. */
const SAME_SIGNAL_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const INTERRUPTED = 130;

/** Gives the exit code. @throws GwError when the world cannot be started, or when a part of it ends by itself */
export async function runQuickstart(options: RunQuickstartOptions): Promise<number> {
  const begun = performance.now();
  const interrupt = new AbortController();
  let running: RunningQuickstart | null = null;
  let firstAt = 0;
  const onSignal = (): void => {
    if (!interrupt.signal.aborted) {
      firstAt = performance.now();
      interrupt.abort();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
      void running?.stop(HURRY_MS);
    }
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    const { signal } = interrupt;
    const progress = (step: string): void => (options.json ? undefined : say(paintErr.dim(`· ${step}`)));
    try {
      running = await startQuickstart({ ...options, progress, signal });
    } catch (cause) {
      if (signal.aborted) return INTERRUPTED;
      throw cause;
    }
    const { world, broken } = running;
    if (options.json) writeData(`${JSON.stringify(worldJson(world))}\n`);
    else if (!options.tour) writeData(worldPage(world, gwCommand(), (performance.now() - begun) / 1000));
    const end = options.tour ? playTour(running, signal) : interrupted(signal);
    const result = await Promise.race([end, broken]);
    if (!options.json && signal.aborted) say(paintErr.dim('· stopping'));
    await running.stop(DRAIN_MS);
    if (typeof result === 'number') return result;
    throw result;
  } finally {
    await running?.stop(DRAIN_MS);
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

async function playTour({ world }: RunningQuickstart, signal: AbortSignal): Promise<number> {
  const { runTour } = await import('./tour/run-tour.js');
  const held = await runTour(world, PACKAGE_ROOT, signal);
  return signal.aborted ? INTERRUPTED : held ? 0 : 1;
}

/** Ctrl-C is how a quickstart ends, so that is success. */
function interrupted(signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(0);
    else signal.addEventListener('abort', () => resolve(0), { once: true });
  });
}

/** `gw` when it is on the PATH, else the file to run. */
function gwCommand(): string {
  const onPath = (readEnvironment('PATH') ?? '').split(delimiter).some((directory) => existsSync(join(directory, 'gw')));
  return onPath ? 'gw' : join(PACKAGE_ROOT, 'bin', 'run.js');
}
