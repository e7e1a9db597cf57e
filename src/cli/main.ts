/**
 * Runs one command line: finds the command through oclif, gives every failure to `failure.ts`, and ends the process with the right
 * code. `gw` without a command shows the overview. oclif's own error printing and its development helpers are not used.
 */
import { run } from '@oclif/core/run';
import { settings } from '@oclif/core/settings';
import { readEnvironment } from './environment.js';
import { NO_COMMAND, reportFailure } from './failure.js';

const OVERVIEW = 'overview';

/** Flags before any command belong to the overview, but help and version keep their meaning. */
export function withCommand(argv: readonly string[]): string[] {
  const [first] = argv;
  if (first === undefined) return [OVERVIEW];
  if (first === '-h') return ['--help', ...argv.slice(1)];
  if (first.startsWith('-') && !argv.includes('--help') && first !== '--version') return [OVERVIEW, ...argv];
  return [...argv];
}

function isSet(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes(flag);
}

/** The code of a command that ended by `this.exit(code)`, having said everything itself. */
function exitCodeOf(thrown: unknown): number | null {
  const exit = thrown as { readonly code?: unknown; readonly oclif?: { readonly exit?: number } } | null;
  return exit?.code === 'EEXIT' ? (exit.oclif?.exit ?? 0) : null;
}

async function commandIds(root: string): Promise<readonly string[]> {
  const { Config } = await import('@oclif/core/config');
  return (await Config.load({ root })).commandIDs;
}

/** `root` is the folder of the package. Returns the exit code. */
export async function main(argv: readonly string[], root: string): Promise<number> {
  settings.enableAutoTranspile = false;
  try {
    await run(withCommand(argv), { root });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (thrown) {
    const code = exitCodeOf(thrown);
    if (code !== null) return code;
    const commands = thrown instanceof Error && NO_COMMAND.test(thrown.message) ? await commandIds(root) : [];
    return reportFailure(thrown, { json: isSet(argv, '--json'), debug: isSet(argv, '--debug') || readEnvironment().debug, commands });
  }
}

/** Writes what is still buffered, then ends: open sockets must not keep a finished command alive. */
export async function mainAndExit(argv: readonly string[], root: string): Promise<never> {
  // The reader of a pipe may leave early (`gw ls | head -1`): nothing is wrong then.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  // Talk that nobody can hear (the terminal was closed) must not keep a command from ending in good order.
  process.stderr.on('error', () => undefined);
  const code = await main(argv, root);
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(code);
}
