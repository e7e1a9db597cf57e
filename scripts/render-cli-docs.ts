/** Renders the command reference from the manifest and the exit codes, so that it cannot say anything that the CLI does not do. */

import { VARIABLES } from '../src/cli/environment.js';
import { EXIT_CODES, WRAPPED_PROGRAM } from '../src/cli/exit-codes.js';

interface Option {
  readonly name: string;
  readonly char?: string;
  readonly type?: 'boolean' | 'option';
  readonly summary?: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly hidden?: boolean;
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly options?: readonly string[];
  readonly default?: unknown;
  readonly helpValue?: string | readonly string[];
  readonly helpGroup?: string;
}

interface Command {
  readonly id: string;
  readonly summary?: string;
  readonly description?: string;
  readonly examples?: readonly (string | { readonly command: string; readonly description: string })[];
  readonly hidden?: boolean;
  readonly args: Readonly<Record<string, Option>>;
  readonly flags: Readonly<Record<string, Option>>;
}

export interface Manifest {
  readonly commands: Readonly<Record<string, Command>>;
}

/** oclif's templates, as far as commands here use them. */
const filled = (text: string): string => text.replaceAll(/<%= config\.bin %>/g, 'gw');
const cell = (text: string): string => filled(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
const nameOf = (id: string): string => `gw ${id.replaceAll(':', ' ')}`;

function flagName(flag: Option): string {
  const value = flag.type === 'boolean' ? '' : ` ${String(flag.helpValue ?? flag.options?.join('|') ?? 'VALUE')}`;
  return `${flag.char === undefined ? '' : `-${flag.char}, `}--${flag.allowNo === true ? '[no-]' : ''}${flag.name}${value}`;
}

function flagRow(flag: Option): string {
  const facts = [
    flag.required === true ? 'required' : '',
    flag.multiple === true ? 'may be given several times' : '',
    flag.default === undefined || flag.default === false || flag.default === '' ? '' : `default: \`${String(flag.default)}\``,
  ];
  const notes = facts.filter((fact) => fact !== '').join('; ');
  return `| \`${cell(flagName(flag))}\` | ${cell(flag.summary ?? flag.description ?? '')}${notes === '' ? '' : ` (${notes})`} |`;
}

function table(head: string, rows: readonly string[]): string {
  return rows.length === 0 ? '' : `| ${head} | |\n|---|---|\n${rows.join('\n')}\n\n`;
}

function isGlobal(flag: Option): boolean {
  return flag.helpGroup === 'GLOBAL';
}

function renderCommand(command: Command): string {
  const args = Object.values(command.args).filter(({ hidden }) => hidden !== true);
  const usage = args.map(({ name, required }) => (required === true ? ` ${name.toUpperCase()}` : ` [${name.toUpperCase()}]`)).join('');
  const examples = (command.examples ?? []).map((example) =>
    typeof example === 'string' ? filled(example) : `# ${filled(example.description)}\n${filled(example.command)}`,
  );
  const flags = Object.values(command.flags)
    .filter((flag) => flag.hidden !== true && !isGlobal(flag))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    `## ${nameOf(command.id)}\n\n${filled(command.summary ?? '')}\n\n`,
    examples.length === 0 ? '' : `\`\`\`sh\n${examples.join('\n\n')}\n\`\`\`\n\n`,
    command.description === undefined ? '' : `${filled(command.description)}\n\n`,
    `Usage: \`${nameOf(command.id)}${usage}${flags.length > 0 ? ' [FLAGS]' : ''}\`\n\n`,
    table(
      'Argument',
      args.map(
        (arg) => `| \`${arg.name.toUpperCase()}\` | ${cell(arg.description ?? '')}${arg.options === undefined ? '' : ` One of: ${arg.options.join(', ')}.`} |`,
      ),
    ),
    table('Flag', flags.map(flagRow)),
  ].join('');
}

export function renderCliDocs(manifest: Manifest): string {
  const commands = Object.values(manifest.commands)
    .filter(({ hidden }) => hidden !== true)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const globals = new Map<string, Option>();
  for (const { flags } of commands) for (const flag of Object.values(flags)) if (isGlobal(flag)) globals.set(flag.name, flag);
  return [
    '# Command reference\n\nGenerated from the commands themselves; do not edit. `npm run generate` writes it.\n\n',
    'Data goes to stdout, everything else to stderr. `--json` works on every command that ends with an answer, for errors too; `gw sessions watch` shows what goes on, and `gw sessions export` gives it as data. `gw` alone shows who you are and what to do next.\n\n',
    `${commands.map(({ id, summary }) => `- [\`${nameOf(id)}\`](#${nameOf(id).replaceAll(' ', '-')}): ${filled(summary ?? '')}`).join('\n')}\n\n`,
    '## Flags of every command\n\n',
    table('Flag', [...globals.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(flagRow)),
    commands.map(renderCommand).join(''),
    '## Settings\n\nA flag beats the environment, which beats the project file `.gw.yaml` (it may set `gateway`, `context` and `target`, never a credential), which beats your own settings (`$XDG_CONFIG_HOME/gw/config.json`).\n\n',
    table(
      'Variable',
      Object.entries(VARIABLES).map(([name, meaning]) => `| \`${name}\` | ${cell(meaning)} |`),
    ),
    '## Completion\n\n`gw autocomplete` says how to set it up in bash and zsh; `gw autocomplete fish > ~/.config/fish/completions/gw.fish` does it in fish.\n\n',
    '## Exit codes\n\n',
    `| Code | Name | Meaning |\n|---|---|---|\n${EXIT_CODES.map(({ code, name, meaning }) => `| ${code} | ${name} | ${cell(meaning)} |`).join('\n')}\n\n`,
    `${WRAPPED_PROGRAM}\n`,
  ].join('');
}
