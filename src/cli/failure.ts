/**
 * The one place where an error becomes words and an exit code. stdout gets the error as JSON under `--json`, stderr gets it as text
 * otherwise: what, why (policy and rule), and the command that helps. A stack is shown with `--debug` only, and then stacks alone:
 * the values inside errors of libraries may hold tokens.
 */
import { stripVTControlCharacters } from 'node:util';
import { closestWord } from '../base/closest-word.js';
import { GwError } from '../contract/gw-error.js';
import { paintErr, say, visible, visibleLines, writeJson } from './terminal.js';

export interface FailureMode {
  readonly json: boolean;
  readonly debug: boolean;
  /** All command ids, to suggest the one that was meant. */
  readonly commands: readonly string[];
}

interface OclifError extends Error {
  readonly oclif?: { readonly exit?: number };
  readonly parse?: unknown;
}

/** Arguments stand behind the command, so ever fewer of the words are looked for. */
function nearestCommand(typed: string, commands: readonly string[]): string | null {
  const words = typed.split(' ');
  for (let count = words.length; count > 0; count--) {
    const near = closestWord(words.slice(0, count).join(' '), commands, 2);
    if (near !== null) return near;
  }
  return null;
}

/** The parser's lists of what is missing as one sentence: `--reason is missing.` */
function plain(message: string): string {
  const args = /^Missing \d+ required args?:\n([\s\S]+)$/.exec(message)?.[1];
  if (args !== undefined && !args.includes('\n'))
    return `${args.trim().split(/\s/, 1)[0]?.toUpperCase() ?? ''} is missing: ${args.trim().replace(/^\S+\s+/, '')}`;
  const failed = /^The following errors? occurred:\s*([\s\S]+)$/.exec(message)?.[1];
  if (failed === undefined) return message.replace(/^Parsing (--\S+)\s+/, '$1: ');
  return failed
    .split('\n')
    .map((line) => line.trim().replace(/^Missing required flag (\S+)$/, '--$1 is missing'))
    .join('; ');
}

/** What the parser says, with or without `--help`, of words that are no command. */
export const NO_COMMAND = /^command (.+) not found\.?$/i;

/** By how the parser's complaint begins. */
const HINTS: Readonly<Record<string, string>> = {
  'Nonexistent flag': 'Run the command with --help. Arguments for another program go after `--`.',
  'Unexpected argument': 'Flags stand behind the command, as in `gw ls --output json`. Run the command with --help.',
};

/** Any thrown value as an error of the catalogue: the parser's complaints are usage errors. */
function asGwError(thrown: unknown, commands: readonly string[]): GwError {
  if (thrown instanceof GwError || !(thrown instanceof Error)) return GwError.from(thrown);
  const { parse, oclif } = thrown as OclifError;
  const message = stripVTControlCharacters(thrown.message)
    .replace(/\s*See more help with --help\s*$/, '')
    .trim();
  const unknown = NO_COMMAND.exec(message)?.[1];
  if (unknown !== undefined) {
    const typed = unknown.replaceAll(':', ' ');
    const near = nearestCommand(
      typed,
      commands.map((id) => id.replaceAll(':', ' ')),
    );
    return new GwError('usage.invalid', `There is no command "gw ${typed}".`, {
      cause: thrown,
      hint: near === null ? 'Run `gw help` to see the commands.' : `Did you mean \`gw ${near}\`?`,
    });
  }
  if (parse !== undefined || oclif !== undefined) {
    const hint = Object.entries(HINTS).find(([words]) => message.startsWith(words))?.[1];
    return new GwError('usage.invalid', `${plain(message).replace(/\.$/, '')}.`, { cause: thrown, ...(hint === undefined ? {} : { hint }) });
  }
  return GwError.from(thrown);
}

function printStacks(error: Error): void {
  let at: unknown = error;
  for (let depth = 0; depth < 6 && at instanceof Error; depth++) {
    say(paintErr.dim(`${depth === 0 ? '' : 'caused by '}${visibleLines(at.stack ?? at.message)}`));
    at = at.cause;
  }
}

/** Prints the error and returns the exit code. */
export function reportFailure(thrown: unknown, mode: FailureMode): number {
  const error = asGwError(thrown, mode.commands);
  if (mode.json) writeJson(`${JSON.stringify(error.toBody(), null, 2)}\n`);
  else sayError(error);
  if (mode.debug) printStacks(error);
  return error.entry.exit;
}

export function sayError(error: GwError): void {
  say(`${paintErr.red('error')}: ${visibleLines(error.message)}`);
  const { rule, policy } = error.detail;
  if (typeof rule === 'string') say(`  ${paintErr.dim('rule')}  ${visible(rule)}${typeof policy === 'string' ? paintErr.dim(` (${visible(policy)})`) : ''}`);
  if (error.hint !== '') say(`  ${paintErr.dim('next')}  ${visibleLines(error.hint)}`);
}

/** A notice that is not the end: printed as an error is, and the command goes on. */
export function sayWarning(message: string): void {
  say(`${paintErr.yellow('note')}: ${visibleLines(message)}`);
}
