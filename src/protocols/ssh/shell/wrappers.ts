/**
 * Programs that run other programs. Of those whose command line says which, the inner command is found; the others make what runs unknown.
 * The lists err on the side of unknown: a wrapper's option that is not listed here is not guessed at.
 */
import { evaluatedBy, mayBeMore } from './builtins.js';
import type { Word } from './tree.js';
import { NAME } from './variables.js';

interface Wrapper {
  /** Options that stand alone; one that ends in `=` may be given a value there. */
  readonly flags: ReadonlySet<string>;
  /** Options whose value is the next word, or stands behind a letter, or behind `=`. */
  readonly values: ReadonlySet<string>;
  /** Words between the options and the inner command. */
  readonly skip: number;
  /** `NAME=value` may stand before the inner command. */
  readonly assigns: boolean;
  /** The inner command gets further arguments that are not in the text. */
  readonly appends: boolean;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' ').filter((word) => word !== ''));
const wrapper = (flags: string, values: string, more: Partial<Pick<Wrapper, 'skip' | 'assigns' | 'appends'>> = {}): Wrapper => ({
  flags: words(flags),
  values: words(values),
  skip: 0,
  assigns: false,
  appends: false,
  ...more,
});

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  sudo: wrapper(
    '-A -b -E -H -k -n -P -S --askpass --background --non-interactive --preserve-env --preserve-env= --reset-timestamp --set-home --stdin',
    '-u -g -p -C -T -r -t -D --user --group --prompt --close-from --command-timeout --role --type --chdir',
    { assigns: true },
  ),
  doas: wrapper('-n', '-u -C'),
  env: wrapper('-i - -0 -v --ignore-environment --null --debug', '-u -C --unset --chdir', { assigns: true }),
  nice: wrapper('', '-n --adjustment'),
  nohup: wrapper('', ''),
  setsid: wrapper('-c -f -w --ctty --fork --wait', ''),
  // To bash it is a word of its own, which knows this option only.
  time: wrapper('-p', ''),
  timeout: wrapper('--preserve-status --foreground -v --verbose', '-s -k --signal --kill-after', { skip: 1 }),
  stdbuf: wrapper('', '-i -o -e --input --output --error'),
  ionice: wrapper('-t --ignore', '-c -n --class --classdata'),
  chroot: wrapper('--skip-chdir', '--userspec --groups', { skip: 1 }),
  command: wrapper('-p', ''),
  builtin: wrapper('', ''),
  exec: wrapper('-c -l', '-a'),
  busybox: wrapper('', ''),
  xargs: wrapper('-0 -o -p -r -t -x --null --no-run-if-empty', '-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs --max-chars', {
    appends: true,
  }),
};

/** Programs that read a command from somewhere else, or start what is not in the text. */
const OTHERS = words(
  'sftp-server internal-sftp source . alias unalias trap enable hash su runuser script watch flock unshare nsenter capsh setpriv start-stop-daemon systemd-run at batch crontab cron ' +
    'tmux screen ssh parallel entr make ninja just git-shell expect gdb strace ltrace dbus-run-session xvfb-run docker podman kubectl lxc ansible',
);
const INTERPRETERS =
  /^(?:python|pypy|perl|ruby|node|nodejs|deno|bun|php|lua|luajit|tclsh|wish|awk|gawk|mawk|nawk|osascript|Rscript|guile|julia|java|jshell|groovy|scala|erl|elixir|ghci|irb|bpftrace|psql|mysql|sqlite3|ed|ex)[\d.]*$/;
const ASSIGNED = /^[A-Za-z_][A-Za-z0-9_]*=/;
const SHELLS = words('sh bash dash ash ksh mksh zsh rbash fish csh tcsh');
/** What a command line runs beside its program. */
export type Inner =
  /** Nothing that is known to run others. */
  | { readonly kind: 'none' }
  | { readonly kind: 'command'; readonly words: readonly Word[]; readonly appends: boolean; readonly assigned: readonly string[] }
  /** Text that a shell reads. */
  | { readonly kind: 'script'; readonly text: string }
  | { readonly kind: 'unknown'; readonly why: string };

const unknown = (why: string): Inner => ({ kind: 'unknown', why });

/** `program`: its name without a folder. `args`: what stands behind it. */
export function innerOf(program: string, args: readonly Word[]): Inner {
  if (SHELLS.has(program)) return scriptOf(program, args);
  if (program === 'eval') return textOf(program, args);
  const evaluated = evaluatedBy(program, args);
  if (evaluated !== null) return unknown(evaluated);
  if (program === 'find') return foundBy(args);
  if (OTHERS.has(program)) return unknown(`${program} starts what is not read here`);
  if (INTERPRETERS.test(program)) return unknown(`${program} runs code of another language`);
  const known = Object.hasOwn(WRAPPERS, program) ? WRAPPERS[program] : undefined;
  return known === undefined ? { kind: 'none' } : unwrap(program, known, args);
}

function scriptOf(program: string, args: readonly Word[]): Inner {
  if (!/^(?:sh|bash|dash|ash|ksh|mksh|rbash)$/.test(program)) return unknown(`${program} reads commands in a way of its own`);
  if (!/^-[eux]*c$/.test(args[0]?.text ?? '')) return unknown(`${program} runs what is not in the text`);
  return textOf(program, args.slice(1, 2));
}

/** The words that a shell reads as a text. In front of it there may be further options, which shells differ in. */
function textOf(program: string, args: readonly Word[]): Inner {
  const texts = args.map(certain);
  if (texts.length === 0) return program === 'eval' ? { kind: 'none' } : unknown(`${program} runs what is not in the text`);
  if (texts.includes(null)) return unknown(`${program} runs a text that is not known`);
  if (/^[-+]/.test(texts[0] ?? '')) return unknown(`the options of ${program} are not known`);
  return { kind: 'script', text: texts.join(' ') };
}

/** What the program gets for this word, if it gets exactly that. */
const certain = ({ text, expanded }: Word): string | null => (expanded ? null : text);

type Place = { readonly at: number } | { readonly why: string };

/** Where the options end. */
function behindOptions(program: string, { flags, values }: Wrapper, args: readonly Word[]): Place {
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at];
    const text = word === undefined ? null : certain(word);
    if (text === null) {
      // A variable before a command may have any value.
      if (ASSIGNED.test(word?.source ?? '')) break;
      return { why: `the options of ${program} are not known` };
    }
    if (text === '--') return { at: at + 1 };
    if (flags.has(text)) continue;
    if (values.has(text)) {
      const value = args[++at];
      if (value !== undefined && certain(value) === null) return { why: `the options of ${program} are not known` };
      continue;
    }
    if (!text.startsWith('-') || text === '-') break;
    const [name = ''] = text.split('=', 1);
    const joined = text.startsWith('--') ? name !== text && (values.has(name) || flags.has(`${name}=`)) : values.has(text.slice(0, 2));
    if (!joined && !(program === 'nice' && /^-\d+$/.test(text))) return { why: `the option ${text.slice(0, 40)} of ${program} is not read here` };
  }
  return { at };
}

function unwrap(program: string, wrapped: Wrapper, args: readonly Word[]): Inner {
  const place = behindOptions(program, wrapped, args);
  if ('why' in place) return unknown(place.why);
  const behind = args.slice(place.at + wrapped.skip);
  if (args.slice(place.at, place.at + wrapped.skip).some((word) => certain(word)?.startsWith('-') ?? true))
    return unknown(`the arguments of ${program} are not known`);
  const assigned: string[] = [];
  for (const { text, source } of behind) {
    const written = text ?? source;
    if (!written.includes('=')) break;
    const name = written.slice(0, written.indexOf('='));
    // Programs differ in which of these are variables, and bash's `time` takes them, too.
    if (!wrapped.assigns || !NAME.test(name)) return unknown(`whether ${written.slice(0, 40)} is a variable or a program is not known`);
    assigned.push(name);
  }
  const inner = behind.slice(assigned.length);
  if (/^[-+]/.test(inner[0]?.text ?? '')) return unknown(`the options of ${program} are not known`);
  if (inner.length > 0) return { kind: 'command', words: inner, appends: wrapped.appends, assigned };
  return program === 'sudo' || program === 'doas' || program === 'chroot' ? unknown(`${program} starts a shell`) : { kind: 'none' };
}

/** `find … -exec COMMAND ;`: the first one; with several, or with a file of names, it is not followed. */
function foundBy(args: readonly Word[]): Inner {
  const texts = args.map(({ text }) => text);
  if (texts.includes(null) || args.some(mayBeMore)) return unknown('the expression of find is not known');
  const at = texts.findIndex((text) => /^-(?:exec|execdir|ok|okdir)$/.test(text ?? ''));
  if (at < 0) return { kind: 'none' };
  if (texts.slice(at + 1).some((text) => /^-(?:exec|execdir|ok|okdir)$/.test(text ?? ''))) return unknown('find runs several commands');
  const end = texts.findIndex((text, index) => index > at && (text === ';' || text === '+'));
  if (end < 0) return unknown('the command of find has no end');
  return { kind: 'command', words: args.slice(at + 1, end), appends: true, assigned: [] };
}
