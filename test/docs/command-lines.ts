/** Finds the `gw …` calls in shell text and holds them against the command manifest: a call in a document that gw refuses is a lie. */

interface ManifestFlag {
  readonly name: string;
  readonly char?: string;
  readonly type: 'option' | 'boolean';
  readonly allowNo?: boolean;
  readonly aliases?: readonly string[];
}

interface ManifestCommand {
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly flags: Readonly<Record<string, ManifestFlag>>;
  readonly args: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly strict?: boolean;
  readonly enableJsonFlag?: boolean;
}

export interface Manifest {
  readonly commands: Readonly<Record<string, ManifestCommand>>;
}

/** Words of one call after `gw`, quotes removed; a call ends at a pipe, a redirection, a closing bracket, `&&`, `;` or a comment. */
export function gwCalls(shell: string): readonly (readonly string[])[] {
  const calls: string[][] = [];
  for (const line of shell.replaceAll(/\\\n\s*/g, ' ').split('\n')) {
    const words = line.match(/\$\(|[|&;()<>]+|(?<!\S)#.*$|(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s|&;()<>"'\\])+/g) ?? [];
    let call: string[] | null = null;
    let first = true;
    for (const word of words) {
      if (/^(\$\(|[|&;()<>]+|#.*)$/.test(word)) {
        call = null;
        first = true;
      } else if (call !== null) call.push(word.replaceAll(/^["']|["']$/g, ''));
      else if (first && (word === '$' || /^[A-Z_]+=/.test(word))) continue;
      else {
        if (first && word === 'gw') {
          call = [];
          calls.push(call);
        }
        first = false;
      }
    }
  }
  return calls;
}

/** What is wrong with a call, or null. */
export function faultOf(words: readonly string[], manifest: Manifest): string | null {
  const byId = new Map<string, ManifestCommand>();
  for (const command of Object.values(manifest.commands)) for (const id of [command.id, ...(command.aliases ?? [])]) byId.set(id, command);
  const [first = ''] = words;
  if (first === '' || first.startsWith('-') || first === 'autocomplete') return null;
  if (first === 'help') {
    const topic = words
      .slice(1)
      .filter((word) => !word.startsWith('-'))
      .join(':');
    const known = topic === '' || byId.has(topic) || byId.has(`help:${topic}`) || [...byId.keys()].some((id) => id.startsWith(`${topic}:`));
    return known || topic === 'exit-codes' ? null : `there is no help for "${topic}"`;
  }
  let length = 0;
  for (let n = 1; n <= Math.min(words.length, 4); n++) if (byId.has(words.slice(0, n).join(':'))) length = n;
  const command = byId.get(words.slice(0, length).join(':'));
  if (command === undefined) return `there is no command "gw ${words.slice(0, 2).join(' ')}"`;

  const flags = Object.values(command.flags);
  let positional = 0;
  for (let index = length; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') return positionalFault(command, positional);
    if (!word.startsWith('-') || word === '-') {
      positional += 1;
      continue;
    }
    const name = word.replace(/=.*$/, '').replace(/^--?/, '');
    if (name === 'help' || (name === 'json' && command.enableJsonFlag === true)) continue;
    const flag = flags.find((each) =>
      (word.startsWith('--') ? [each.name, ...(each.aliases ?? []), ...(each.allowNo === true ? [`no-${each.name}`] : [])] : [each.char]).includes(name),
    );
    if (flag === undefined) return `gw ${command.id.replaceAll(':', ' ')} has no flag ${word}`;
    if (flag.type === 'option' && !word.includes('=')) index += 1;
  }
  return positionalFault(command, positional);
}

function positionalFault(command: ManifestCommand, given: number): string | null {
  const args = Object.values(command.args);
  const required = args.filter((arg) => arg.required === true).length;
  if (given < required) return `gw ${command.id.replaceAll(':', ' ')} needs ${required} arguments, got ${given}`;
  if (given > args.length && command.strict !== false) return `gw ${command.id.replaceAll(':', ' ')} takes ${args.length} arguments, got ${given}`;
  return null;
}
