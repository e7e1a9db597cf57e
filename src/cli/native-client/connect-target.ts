/**
 * `gw connect`: one target, and either its native client on a tunnel (the usual way) or the tunnel alone, kept open for a client that
 * the user starts (`--listen`, `--print`).
 */
import { GwError } from '../../contract/gw-error.js';
import type { Connection } from '../connection.js';
import { say, visible, writeData } from '../terminal.js';
import type { AskingTerms } from './asking-flags.js';
import { shellExports } from './client-template.js';
import { findProgram } from './find-program.js';
import { runOnTargets } from './run-on-targets.js';
import { type OpenTarget, TargetAccess } from './target-access.js';

export type PrintForm = 'url' | 'env' | 'json';

export interface ConnectRequest {
  readonly connection: Connection;
  readonly target: string;
  readonly args: readonly string[];
  readonly terms: AskingTerms;
  readonly userAgent: string;
  /** Record the client's terminal, whatever policy says. */
  readonly record: boolean;
  /** Keep the tunnel open instead of running the client; null: run it. */
  readonly listen: { readonly port: number; readonly form: PrintForm } | null;
  /** Only run a client of this name; null: whatever the target's is. */
  readonly program: string | null;
}

function details({ info, port, client }: OpenTarget, form: PrintForm): string {
  if (form === 'url') return client.url;
  if (form === 'env') return shellExports(client.env);
  const env = Object.fromEntries(Object.entries(client.env).filter(([, value]) => value !== null));
  return JSON.stringify({ target: info.name, protocol: info.protocol, host: port.host, port: port.port, database: info.database, url: client.url, env });
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function keepOpen(access: TargetAccess, target: OpenTarget, form: PrintForm): Promise<number> {
  const end = interrupted();
  writeData(`${details(target, form)}\n`);
  say(
    `Open for ${visible(target.info.name)} on ${target.port.host}:${target.port.port}. What is printed above holds the secret of this port: whoever has it is you. Ctrl-C closes it.`,
  );
  await end;
  await access.close();
  return 0;
}

function missing(target: OpenTarget): GwError {
  const ways = target.client.install.map((line) => `\n    ${line}`).join('');
  return new GwError('client.missing', `The client of ${target.info.name}, "${target.client.command}", is not on the PATH.`, {
    hint: `${ways === '' ? 'Install it' : `Install it:${ways}\n  or`} use any other client: \`gw connect ${target.info.name} --listen\`.`,
  });
}

/** The target that was named, or the one of the settings. @throws GwError `usage.invalid` */
export function targetOf(named: string | undefined, { settings }: Pick<Connection, 'settings'>, command: string): string {
  const target = named ?? settings.target?.value;
  if (target === undefined) throw new GwError('usage.invalid', 'Which target?', { hint: `Name one: \`gw ${command} TARGET\`. \`gw ls\` shows them.` });
  return target;
}

/** Returns the exit code for gw. */
export async function connectTarget(request: ConnectRequest): Promise<number> {
  const { connection, listen } = request;
  const purpose = `${request.userAgent} connect`;
  if (listen !== null && request.record) throw new GwError('usage.invalid', 'With --listen or --print gw runs no client whose terminal could be recorded.');
  const record = listen !== null ? 'impossible' : request.record ? 'asked' : 'where-wanted';
  const access = await TargetAccess.open({ connection, targets: [request.target], port: listen?.port ?? 0, terms: request.terms, purpose, record });
  try {
    const [target] = access.targets;
    if (target === undefined) throw new GwError('internal.error', 'No target was opened.');
    if (listen !== null) return await keepOpen(access, target, listen.form);
    const { command, args, env } = target.client;
    if (request.program !== null && request.program !== command) {
      throw new GwError('usage.invalid', `${target.info.name} is not a target for ${request.program}; its client is ${visible(command)}.`, {
        hint: `Run \`gw connect ${target.info.name}\`.`,
      });
    }
    const program = await findProgram(command, connection.environment.path);
    if (program === null) throw missing(target);
    return await runOnTargets(access, { command: program, args: [...args, ...request.args], env });
  } finally {
    await access.close();
  }
}
