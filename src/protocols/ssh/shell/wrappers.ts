/**
 * Programs that run other programs. Of those whose command line says which, the inner command is found; the others make what runs unknown.
 * The lists err on the side of unknown: a wrapper's option that is not listed here is not guessed at.
 */
import { evaluatedBy } from './builtins.js';
import type { Word } from './tree.js';

interface Wrapper {
  /** Options that stand alone. */
  readonly flags: ReadonlySet<string>;
  /** Options whose value is the next word. */
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
  sudo: wrapper('-A -b -E -H -k -n -P -S --non-interactive --preserve-env --set-home', '-u -g -h -p -C -T -r -t -D -R -U --user --group', { assigns: true }),
  doas: wrapper('-n', '-u -C'),
  env: wrapper('-i - -0 -v --ignore-environment', '-u --unset', { assigns: true }),
  nice: wrapper('', '-n --adjustment'),
  nohup: wrapper('', ''),
  setsid: wrapper('-c -f -w --fork --wait', ''),
  time: wrapper('-p -v', '-f -o'),
  timeout: wrapper('--preserve-status --foreground -v', '-s -k --signal --kill-after', { skip: 1 }),
  stdbuf: wrapper('', '-i -o -e'),
  ionice: wrapper('-t', '-c -n'),
  chroot: wrapper('', '', { skip: 1 }),
  command: wrapper('-p', ''),
  builtin: wrapper('', ''),
  exec: wrapper('-c -l', '-a'),
  busybox: wrapper('', ''),
  xargs: wrapper('-0 -o -p -r -t -x --null --no-run-if-empty', '-a -d -E -I -L -n -P -s', { appends: true }),
};

/** Programs that read a command from somewhere else, or start what is not in the text. */
const OTHERS = words(
  'sftp-server internal-sftp source . alias unalias trap enable hash su runuser script watch flock unshare nsenter capsh setpriv start-stop-daemon systemd-run at batch crontab cron ' +
    'tmux screen ssh parallel entr make ninja just git-shell expect gdb strace ltrace dbus-run-session xvfb-run docker podman kubectl lxc ansible',
);
const INTERPRETERS =
  /^(?:python|pypy|perl|ruby|node|nodejs|deno|bun|php|lua|luajit|tclsh|wish|awk|gawk|mawk|nawk|osascript|Rscript|guile|julia|java|jshell|groovy|scala|erl|elixir|ghci|irb|bpftrace|psql|mysql|sqlite3|ed|ex)[\d.]*$/;
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
  if (program === 'eval') {
    const texts = args.map(({ text }) => text);
    return texts.includes(null) ? unknown('eval runs a text that is not known') : { kind: 'script', text: texts.join(' ') };
  }
  const evaluated = evaluatedBy(program, args);
  if (evaluated !== null) return unknown(evaluated);
  if (program === 'find') return foundBy(args);
  if (OTHERS.has(program)) return unknown(`${program} starts what is not read here`);
  if (INTERPRETERS.test(program)) return unknown(`${program} runs code of another language`);
  const known = Object.hasOwn(WRAPPERS, program) ? WRAPPERS[program] : undefined;
  return known === undefined ? { kind: 'none' } : unwrap(program, known, args);
}

function scriptOf(program: string, args: readonly Word[]): Inner {
  const [option, text] = args;
  if (!/^(?:sh|bash|dash|ash|ksh|mksh|rbash)$/.test(program)) return unknown(`${program} reads commands in a way of its own`);
  if (!/^-[eux]*c$/.test(option?.text ?? '')) return unknown(`${program} runs what is not in the text`);
  return typeof text?.text === 'string' ? { kind: 'script', text: text.text } : unknown(`${program} runs a text that is not known`);
}

function unwrap(program: string, { flags, values, skip, assigns, appends }: Wrapper, args: readonly Word[]): Inner {
  let at = 0;
  const assigned: string[] = [];
  for (; at < args.length; at++) {
    const text = args[at]?.text ?? null;
    if (text === null) return unknown(`the options of ${program} are not known`);
    if (text === '--') {
      at++;
      break;
    }
    if (flags.has(text) || /^--(?:[a-z-]+)=/.test(text)) continue;
    if (values.has(text)) {
      at++;
      continue;
    }
    if (!text.startsWith('-') || text === '-') break;
    if ([...values].some((value) => value.length === 2 && text.startsWith(value)) || (program === 'nice' && /^-\d+$/.test(text))) continue;
    return unknown(`the option ${text} of ${program} is not read here`);
  }
  at += skip;
  for (; assigns && at < args.length; at++) {
    const word = args[at];
    const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(word?.source ?? '')?.[1];
    if (name === undefined) break;
    assigned.push(name);
  }
  const inner = args.slice(at);
  if (inner.length > 0) return { kind: 'command', words: inner, appends, assigned };
  return program === 'sudo' || program === 'doas' || program === 'chroot' ? unknown(`${program} starts a shell`) : { kind: 'none' };
}

/** `find … -exec COMMAND ;`: the first one; with several, or with a file of names, it is not followed. */
function foundBy(args: readonly Word[]): Inner {
  const texts = args.map(({ text }) => text);
  if (texts.includes(null)) return unknown('the expression of find is not known');
  const at = texts.findIndex((text) => /^-(?:exec|execdir|ok|okdir)$/.test(text ?? ''));
  if (at < 0) return { kind: 'none' };
  if (texts.slice(at + 1).some((text) => /^-(?:exec|execdir|ok|okdir)$/.test(text ?? ''))) return unknown('find runs several commands');
  const end = texts.findIndex((text, index) => index > at && (text === ';' || text === '+'));
  if (end < 0) return unknown('the command of find has no end');
  return { kind: 'command', words: args.slice(at + 1, end), appends: true, assigned: [] };
}
