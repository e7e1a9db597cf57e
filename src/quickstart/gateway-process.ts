/**
 * The shipped gateway, started as a user starts it: `gw gateway start --config FILE --json` in a process of its own, which ends with this
 * one whatever happens. Its log goes to a file; its first line on stdout says that it is ready, or why not.
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ERRORS, type ErrorCode } from '../contract/error-catalogue.js';
import { GwError } from '../contract/gw-error.js';
import { type SupervisedProcess, superviseProcess } from '../store/supervised-process.js';

export interface GatewayProcess {
  /** `https://host:port` as it reports it. */
  readonly url: string;
  /** Protocol kind → `host:port` of its native port. */
  readonly native: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** Drains and ends it; kills it after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface GatewayProcessOptions {
  /** Directory of the package: its bin/run.js is what runs. */
  readonly packageRoot: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

const READY_MS = 60_000;
const LAST_WORDS = 4;

interface ReadyLine {
  readonly ready: true;
  readonly gateway: string;
  readonly native: Readonly<Record<string, string>>;
  readonly pid: number;
}

/** @throws GwError with the gateway's own code and words when it does not start */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const gateway = superviseProcess({
    command: process.execPath,
    args: [join(options.packageRoot, 'bin', 'run.js'), 'gateway', 'start', '--config', options.configFile, '--json'],
    stopSignal: 'TERM',
    cwd: options.packageRoot,
  });
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  gateway.stderr.pipe(log);
  try {
    const { gateway: url, native, pid } = await untilReady(gateway, options);
    return { url, native, pid, exited: gateway.exited, stop: (graceMs) => gateway.stop(graceMs) };
  } catch (cause) {
    await gateway.stop(READY_MS / 6);
    throw cause;
  }
}

function untilReady(gateway: SupervisedProcess, options: GatewayProcessOptions): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const words: string[] = [];
    const give = (act: () => void): void => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', interrupted);
      act();
    };
    const interrupted = (): void => give(() => reject(new GwError('quickstart.start', 'The start was interrupted.')));
    const timer = setTimeout(
      () =>
        give(() =>
          reject(new GwError('gateway.start', `The gateway was not ready within ${READY_MS / 1000} seconds.`, { hint: `Read its log: ${options.logFile}` })),
        ),
      READY_MS,
    );
    options.signal.addEventListener('abort', interrupted);
    if (options.signal.aborted) interrupted();
    createInterface({ input: gateway.stdout }).on('line', (line) => {
      const ready = readyLine(line);
      if (ready === null) said.push(line);
      else give(() => resolve(ready));
    });
    createInterface({ input: gateway.stderr }).on('line', (line) => {
      if (words.push(line) > LAST_WORDS) words.shift();
    });
    void gateway.exited.then(({ error }) => give(() => reject(failure(said.join('\n'), words, error, options.logFile))));
  });
}

function readyLine(line: string): ReadyLine | null {
  const value = parsed(line);
  return value !== null && 'ready' in value && value.ready === true ? (value as ReadyLine) : null;
}

/** The error that the gateway printed as JSON, or its last words. */
function failure(said: string, words: readonly string[], error: Error | null, logFile: string): GwError {
  const body = parsed(said);
  const told = body !== null && 'error' in body ? (body.error as { code?: unknown; message?: unknown; hint?: unknown }) : null;
  if (told !== null && typeof told.code === 'string' && told.code in ERRORS && typeof told.message === 'string') {
    return new GwError(told.code as ErrorCode, told.message, typeof told.hint === 'string' ? { hint: told.hint } : {});
  }
  const last = words.join(' | ');
  return new GwError('gateway.start', `The gateway ended before it was ready${last === '' ? '.' : `: ${last}`}`, {
    hint: `Read its log: ${logFile}`,
    ...(error === null ? {} : { cause: error }),
  });
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}
