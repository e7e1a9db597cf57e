/** Completion for fish, which the completion of oclif does not know: one script with all commands and flags, so that a key press starts nothing. */

export interface CompletedFlag {
  readonly name: string;
  readonly char?: string;
  readonly type: 'boolean' | 'option';
  readonly allowNo?: boolean;
  readonly hidden?: boolean;
  readonly summary?: string;
  readonly description?: string;
  readonly options?: readonly string[];
  readonly helpValue?: string | readonly string[];
}

export interface CompletedCommand {
  /** As oclif has it: `sessions:ls`. */
  readonly id: string;
  readonly hidden: boolean;
  readonly summary?: string | undefined;
  readonly flags: Readonly<Record<string, CompletedFlag>>;
}

export interface CompletedTopic {
  readonly name: string;
  readonly description?: string | undefined;
}

/** What is typed so far, without flags; nothing after `--`, where another program's words stand. */
const FUNCTIONS = `function __gw_words
    set -l words
    for word in (commandline -opc)[2..-1]
        test "$word" = --; and return 1
        string match -q -- '-*' $word; or set -a words $word
    end
    string join -- ' ' $words
    return 0
end
function __gw_at
    set -l words (__gw_words); or return 1
    test "$words" = "$argv"
end
function __gw_in
    set -l words (__gw_words); or return 1
    set words (string split -- ' ' $words)
    for count in (seq (count $words) -1 1)
        set -l command (string join -- ' ' $words[1..$count])
        contains -- $command $__gw_commands; or continue
        test "$command" = "$argv"; return $status
    end
    return 1
end
complete -c gw -e
complete -c gw -n '__gw_words >/dev/null' -f`;

const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
const words = (id: string): string => id.replaceAll(':', ' ');
const firstLine = (text: string | undefined): string => (text ?? '').split('\n', 1)[0] ?? '';

function flagLines(command: CompletedCommand, flag: CompletedFlag): string[] {
  const here = `complete -c gw -n ${quoted(`__gw_in ${words(command.id)}`)}`;
  const short = flag.char === undefined ? '' : ` -s ${flag.char}`;
  const file = flag.helpValue === 'FILE' || flag.helpValue === 'DIR';
  const value = flag.type === 'boolean' ? '' : flag.options === undefined ? ` -r${file ? ' -F' : ' -f'}` : ` -x -a ${quoted(flag.options.join(' '))}`;
  const line = (name: string): string => `${here}${short} -l ${name}${value} -d ${quoted(firstLine(flag.summary ?? flag.description))}`;
  return [line(flag.name), ...(flag.allowNo === true ? [`${here} -l no-${flag.name} -d 'Not --${flag.name}.'`] : [])];
}

export function fishCompletion(commands: readonly CompletedCommand[], topics: readonly CompletedTopic[]): string {
  const shown = commands.filter(({ hidden }) => !hidden).sort((a, b) => (a.id < b.id ? -1 : 1));
  // A topic may be a command as well (`gw config`).
  const texts = new Map([
    ...topics.map(({ name, description }) => [name, firstLine(description)] as const),
    ...shown.map(({ id, summary }) => [id, firstLine(summary)] as const),
  ]);
  const ids = [...texts.keys()].filter((name) => shown.some(({ id }) => id === name || id.startsWith(`${name}:`))).sort();
  const steps = ids.map((id) => {
    const parent = id.includes(':') ? ` ${words(id.slice(0, id.lastIndexOf(':')))}` : '';
    return `complete -c gw -n ${quoted(`__gw_at${parent}`)} -a ${id.slice(id.lastIndexOf(':') + 1)} -d ${quoted(texts.get(id) ?? '')}`;
  });
  const flags = shown.flatMap((command) => [
    ...Object.values(command.flags)
      .filter(({ hidden }) => hidden !== true)
      .flatMap((flag) => flagLines(command, flag)),
    `complete -c gw -n ${quoted(`__gw_in ${words(command.id)}`)} -l help -d 'Show help for the command.'`,
  ]);
  return [
    '# Completion of gw for fish, written by `gw autocomplete fish`.',
    `set -g __gw_commands ${shown.map(({ id }) => quoted(words(id))).join(' ')}`,
    FUNCTIONS,
    ...steps,
    ...flags,
  ].join('\n');
}
