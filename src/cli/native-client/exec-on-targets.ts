/** `gw exec`: any command, with the environment that makes the native clients of one or several targets reach them. Never prompts. */
import { GwError } from '../../contract/gw-error.js';
import type { Connection } from '../connection.js';
import type { AskingTerms } from './asking-flags.js';
import { combinedEnvironment } from './client-template.js';
import { runOnTargets } from './run-on-targets.js';
import { TargetAccess } from './target-access.js';

export interface ExecRequest {
  readonly connection: Connection;
  readonly targets: readonly string[];
  readonly command: readonly string[];
  readonly terms: AskingTerms;
  readonly userAgent: string;
  /** Record what the command shows, whatever policy says. */
  readonly record: boolean;
}

/** Which targets, from the argument, `-t`, or the settings. @throws GwError `usage.invalid` */
export function execTargets(argument: string | undefined, flags: readonly string[], fallback: string | undefined): readonly string[] {
  if (argument !== undefined && flags.length > 0)
    throw new GwError('usage.invalid', 'Name the targets either as the argument or with -t, not both.', {
      hint: 'For several targets: `gw exec -t A -t B -- COMMAND`.',
    });
  const targets = argument === undefined ? flags : [argument];
  if (targets.length > 0) return [...new Set(targets)];
  if (fallback !== undefined) return [fallback];
  throw new GwError('usage.invalid', 'Which target?', { hint: 'Name one: `gw exec TARGET -- COMMAND`. `gw ls` shows them.' });
}

/** Returns the exit code for gw. */
export async function execOnTargets(request: ExecRequest): Promise<number> {
  const [command, ...args] = request.command;
  if (command === undefined)
    throw new GwError('usage.invalid', 'There is no command to run.', { hint: 'Put it after `--`: `gw exec TARGET -- COMMAND ARGS`.' });
  const access = await TargetAccess.open({
    connection: request.connection,
    targets: request.targets,
    port: 0,
    terms: request.terms,
    purpose: `${request.userAgent} exec`,
    record: request.record ? 'asked' : 'where-wanted',
  });
  try {
    const env = combinedEnvironment(access.targets.map(({ info, client }) => ({ name: info.name, client })));
    return await runOnTargets(access, { command, args, env });
  } finally {
    await access.close();
  }
}
