/**
 * The adapter that runs a credential command (`vault kv get …`), or that of a key service. The program is started directly, never through a shell, with the
 * arguments of the configuration alone: nothing that a client sends can reach it. Output is capped and the time is limited, so that a
 * hanging helper costs one login and not the gateway. What it prints on stderr may hold anything, so it goes into the cause only.
 */
import { execFile } from 'node:child_process';
import { GwError } from '../contract/gw-error.js';

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT = 64 * 1024;

export interface CommandOptions {
  readonly timeoutMs?: number;
  /** What it reads; nothing by default. */
  readonly input?: string;
}

/**
 * Standard output of `argv`, run in `directory` with the gateway's environment.
 * @throws GwError `target.credential` when it cannot be started, fails, prints more than 64 KiB, or takes longer than `timeoutMs`.
 */
export function runCredentialCommand(argv: readonly string[], directory: string, options: CommandOptions = {}): Promise<string> {
  const { timeoutMs = TIMEOUT_MS, input = '' } = options;
  const [program, ...args] = argv;
  if (program === undefined) return Promise.reject(new GwError('target.credential', 'The credential command is empty.'));
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { cwd: directory, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT, encoding: 'utf8', shell: false, windowsHide: true },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const why = error.killed === true ? `did not finish within ${timeoutMs} ms` : reason(error.code);
        reject(new GwError('target.credential', `The credential command ${why}.`, { cause: { program, code: error.code, stderr: stderr.slice(0, 4096) } }));
      },
    );
    // A helper that reads its input must see the end of it, not wait for the gateway to type.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

function reason(code: unknown): string {
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'printed more than 64 KiB';
  if (typeof code === 'number') return `failed with exit code ${code}`;
  return 'could not be run';
}
