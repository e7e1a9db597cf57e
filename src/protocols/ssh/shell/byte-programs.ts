/**
 * Programs that speak to a program at the client, in bytes, over the output of a command: one changed byte is damage, or a file that is not the one it
 * was. As far as the text of the command says which they are; a command that is not read is not known to be one.
 */
import type { Facts } from '../../../contract/operation.js';

const always = (): boolean => true;
const GIT = ['upload-pack', 'receive-pack', 'upload-archive'];

/** By name: whether it is one when it is started so. */
const PROGRAMS: ReadonlyMap<string, (args: readonly string[]) => boolean> = new Map([
  ['rsync', (args: readonly string[]) => args.includes('--server')],
  ['scp', (args: readonly string[]) => args.some((arg) => /^-[a-z]*[tf]$/.test(arg))],
  ['git', (args: readonly string[]) => GIT.includes(args[0] ?? '')],
  ...GIT.map((name) => [`git-${name}`, always] as const),
  ['sftp-server', always],
]);

/** The name of the first such program that the command runs; null: it is not known to run one. */
export function byteProgramOf({ effects }: Facts): string | null {
  for (const { facts } of effects) {
    const { program, arguments: args } = facts;
    if (typeof program === 'string' && Array.isArray(args) && PROGRAMS.get(program)?.(args) === true) return program;
  }
  return null;
}
