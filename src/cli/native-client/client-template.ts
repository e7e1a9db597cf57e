/**
 * Fills the client descriptor of a target for one local port. The descriptor comes from the gateway and says which program runs on this
 * machine, so it is not believed blindly: the program is a bare name that is no shell and no interpreter, variables that make other
 * programs load code are refused, and the secret may go into the environment or a printed URL, never into an argument, where every
 * user of the machine can read it.
 */
import { join } from 'node:path';
import type { TargetInfo } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';

export interface PortValues {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Folder of this command alone, for the files of clients. */
  readonly folder: string;
  /** Private key of the port, where the client proves one. */
  readonly keyFile: string;
}

export interface FilledClient {
  readonly command: string;
  readonly args: readonly string[];
  /** Null: the variable must not be set (an empty value in the descriptor). */
  readonly env: Readonly<Record<string, string | null>>;
  /** Path → content; to be written before the client starts. */
  readonly files: Readonly<Record<string, string>>;
  readonly url: string;
  readonly install: readonly string[];
}

const PROGRAM = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
const INTERPRETER =
  /^(?:(?:ba|z|da|fi|k|tc|c|a)?sh|busybox|cmd|powershell|pwsh|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|deno|bun|php[\d.]*|lua[\d.]*|env|sudo|doas|su|xargs|nohup|exec|eval|awk|gawk|make|osascript|wscript|cscript|rundll32)(?:\.exe)?$/i;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const LOADER = /^(?:LD_.*|DYLD_.*|NODE_.*|PYTHON.*|PERL.*|RUBY.*|BASH_.*|ENV|SHELL|IFS|PATH|HOME|GW_.*|EDITOR|VISUAL|PAGER|BROWSER)$/;
/** Variables by which yet other programs are told what to start: the client, and nothing else. */
const STARTS = /_(?:COMMAND|RSH)$/;
const PLACEHOLDER = /\{(host|port|secret|target|database|serverKey|keyFile|file:[a-z_]{1,32})\}/g;
const FILE_SAFE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const FILE = /^[a-z_]{1,32}$/;
/** Settings by which a client would run another program, or read more settings. */
const RUNS_OTHERS = /(?:^|\b|-o)(?:\w*command|\w*provider|\w*askpass|proxyjump|include|match|exec)\b/i;

function refuse(target: TargetInfo, why: string): GwError {
  return new GwError('usage.invalid', `The gateway describes the client of ${target.name} in a way that gw does not follow: ${why}.`, {
    hint: `Use \`gw connect ${target.name} --listen\` and start a client yourself; tell an administrator of the gateway.`,
  });
}

function valuesOf(target: TargetInfo, port: PortValues): Readonly<Record<string, string>> {
  return {
    host: port.host,
    port: String(port.port),
    secret: port.secret,
    target: target.name,
    database: target.database ?? target.name,
    serverKey: target.serverKey ?? '',
    keyFile: port.keyFile,
  };
}

/** @throws GwError `usage.invalid` when the descriptor asks for something that it may not. */
export function fillClient(target: TargetInfo, port: PortValues): FilledClient {
  const { client } = target;
  const values = valuesOf(target, port);
  const fill = (text: string, encode: (value: string) => string = (value) => value): string =>
    text.replace(PLACEHOLDER, (_, name: string) =>
      encode(name.startsWith('file:') ? join(port.folder, `${target.name}-${name.slice(5)}`) : (values[name] ?? '')),
    );
  if (!PROGRAM.test(client.command)) throw refuse(target, 'the program is not a plain name');
  if (INTERPRETER.test(client.command)) throw refuse(target, `"${client.command}" runs any program`);
  if (client.args.some((argument) => argument.includes('{secret}'))) throw refuse(target, 'the secret would be an argument');
  const files: Record<string, string> = {};
  for (const [name, content] of Object.entries(client.files ?? {})) {
    if (!FILE.test(name) || !FILE_SAFE.test(target.name)) throw refuse(target, 'a file of the client has no plain name');
    if (RUNS_OTHERS.test(content)) throw refuse(target, `the file ${name} would run other programs`);
    if (content.includes('{secret}')) throw refuse(target, 'the secret would be in a file');
    files[fill(`{file:${name}}`)] = fill(content);
  }
  for (const argument of client.args) if (RUNS_OTHERS.test(argument)) throw refuse(target, 'an argument would make the client run other programs');
  const env: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(client.env)) {
    if (!VARIABLE.test(name) || LOADER.test(name)) throw refuse(target, `it sets the variable ${name}`);
    if (STARTS.test(name) && !(value.startsWith(`${client.command} `) && /^[\w {}:./-]*$/.test(value)))
      throw refuse(target, `${name} would start another program`);
    env[name] = value === '' ? null : fill(value);
  }
  return {
    command: client.command,
    args: client.args.map((argument) => fill(argument)),
    env,
    files,
    url: fill(client.url, encodeURIComponent),
    install: client.install,
  };
}

/** `bank-db` → `BANK_DB_`: the prefix of a target's own variables in `gw exec`. */
export function variablePrefix(target: string): string {
  const name = target.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  return `${/^[0-9]/.test(name) ? `_${name}` : name}_`;
}

/**
 * The environment for a command that reaches several targets: the first target's variables under their own names, and each target's,
 * the first's too, with its prefix, with `PREFIX_URL` beside them.
 * @throws GwError `usage.invalid` when two targets would share a prefix.
 */
export function combinedEnvironment(targets: readonly { readonly name: string; readonly client: FilledClient }[]): Readonly<Record<string, string | null>> {
  const result: Record<string, string | null> = { ...targets[0]?.client.env };
  const owners = new Map<string, string>();
  for (const { name, client } of targets) {
    const prefix = variablePrefix(name);
    const owner = owners.get(prefix);
    if (owner !== undefined)
      throw new GwError('usage.invalid', `The targets ${owner} and ${name} would share the variables ${prefix}….`, {
        hint: 'Use them in separate `gw exec` commands.',
      });
    owners.set(prefix, name);
    for (const [variable, value] of Object.entries(client.env)) if (value !== null) result[`${prefix}${variable}`] = value;
    result[`${prefix}URL`] = client.url;
  }
  return result;
}

/** Lines that a POSIX shell can evaluate. */
export function shellExports(env: FilledClient['env']): string {
  return Object.entries(env)
    .map(([name, value]) => (value === null ? `unset ${name}` : `export ${name}='${value.replaceAll("'", `'\\''`)}'`))
    .join('\n');
}
