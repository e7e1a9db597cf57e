/**
 * What a command of `exec` would do, as far as its text says: one effect for each program, wherever it stands, and for each file that is
 * redirected from or to. What the text leaves open is said to be unknown. It is `parsed`, not enforced: the login shell of the account reads
 * the text anew, with its own start files, aliases and functions.
 */
import type { Effect, Facts } from '../../../contract/operation.js';
import { pathResource } from '../sftp/sftp-paths.js';
import { parseShell } from './parse-shell.js';
import { DEPTH, type SimpleCommand, WORDS, type Word } from './tree.js';
import { loadsCode } from './variables.js';
import { innerOf } from './wrappers.js';

/** Where a program of that name is the one that the system came with. */
const SYSTEM = /^\/(?:usr\/(?:local\/)?)?s?bin\/([^/]+)$/;
const HARMLESS = new Set(['/dev/null', '/dev/stdout', '/dev/stderr', '/dev/stdin', '/dev/fd/0', '/dev/fd/1', '/dev/fd/2']);
/** As a program's name they are a part of a command that was not read as one: behind bash's `time`, without a beginning, or within another wrapper. */
const RESERVED = new Set('if then else elif fi do done case esac while until for { } ! [[ function select coproc'.split(' '));
const SUMMARY_NAMES = 8;

/** As the shell finds it. With `..` in its path it may be any file: after a link that leads elsewhere than it reads. */
function nameOf(word: string): string | null {
  if (!word.startsWith('/')) return word.split('/').includes('..') ? null : word;
  const path = pathResource(word, null).name[0] ?? null;
  return path === null ? null : (SYSTEM.exec(path)?.[1] ?? path);
}

class Reading {
  readonly effects: Effect[] = [];
  readonly unknown = new Set<string>();
  #depth = 0;
  #words = 0;

  text(text: string): void {
    if (++this.#depth > DEPTH) {
      this.unknown.add('it is nested too deeply');
      return;
    }
    const tree = parseShell(text);
    for (const why of tree.unknown) this.unknown.add(why);
    for (const word of tree.others) this.#lost(word);
    for (const name of tree.variables) this.#set(name);
    for (const command of tree.commands) this.#command(command);
    this.#depth--;
  }

  #command({ assignments, words, redirections, piped }: SimpleCommand): void {
    for (const { name, value } of assignments) {
      this.#set(name);
      this.#lost(value);
    }
    for (const { mode, target } of redirections) this.#redirected(mode, target);
    if (words.length > 0) this.#run(words, piped, false);
  }

  #redirected(mode: string, target: Word): void {
    if (target.text !== null && !target.expanded && HARMLESS.has(target.text)) return;
    this.#lost(target);
    if (/^\/dev\/(?:tcp|udp)\//.test(target.text ?? '')) this.unknown.add('a redirection opens a connection');
    const path = target.expanded ? null : target.text;
    this.effects.push({
      action: 'ssh.redirect',
      // In which folder the command stands by then is not known.
      resource: path === null ? { type: 'path', name: [null], columns: [] } : pathResource(path, null),
      facts: { mode, path: target.text ?? target.source, assurance: 'parsed' },
    });
  }

  #run(words: readonly Word[], piped: boolean, appended: boolean): void {
    const [first, ...args] = words;
    if (first === undefined) return;
    if (++this.#depth > DEPTH) {
      this.unknown.add('it is nested too deeply');
      return;
    }
    this.#words += words.length;
    if (this.#words > WORDS) {
      this.unknown.add('it holds too many words');
      return;
    }
    // A name made of anything but plain characters may be a file's, or a variable's.
    const word = first.expanded ? null : first.text;
    if (word === null) this.unknown.add(`which program "${first.source}" is cannot be known`);
    else if (RESERVED.has(word)) this.unknown.add(`"${word}" does not begin a command here`);
    const name = word === null ? null : nameOf(word);
    const base = word === null ? '' : word.slice(word.lastIndexOf('/') + 1);
    for (const arg of args) this.#lost(arg);
    if (appended) this.unknown.add(`${base} gets arguments that are not in the text`);
    this.effects.push({
      action: 'ssh.exec',
      resource: { type: 'program', name: [name], columns: [] },
      facts: {
        program: base,
        arguments: args.map(({ text, source }) => text ?? source),
        expanded: args.some((arg) => arg.expanded || arg.text === null),
        piped,
        assurance: 'parsed',
      },
    });
    if (word !== null) this.#inner(base, args, piped);
    this.#depth--;
  }

  #inner(program: string, args: readonly Word[], piped: boolean): void {
    const inner = innerOf(program, args);
    if (inner.kind === 'unknown') this.unknown.add(inner.why);
    else if (inner.kind === 'script') this.text(inner.text);
    else if (inner.kind === 'command') {
      for (const name of inner.assigned) this.#set(name);
      this.#run(inner.words, piped, inner.appends);
    }
  }

  #set(variable: string): void {
    if (loadsCode(variable)) this.unknown.add(`${variable} changes what programs run or do`);
  }

  #lost({ source, unknown }: Word): void {
    if (unknown !== null) this.unknown.add(`${unknown} (${source.slice(0, 60)})`);
  }
}

function summaryOf(effects: readonly Effect[], unknown: readonly string[]): string {
  const programs = [
    ...new Set(effects.flatMap(({ action, facts }) => (action === 'ssh.exec' ? [String(facts['program'] === '' ? '?' : facts['program'])] : []))),
  ];
  const written = [...new Set(effects.flatMap(({ facts }) => (facts['mode'] === 'write' || facts['mode'] === 'append' ? [String(facts['path'])] : [])))];
  const some = (names: readonly string[]): string => `${names.slice(0, SUMMARY_NAMES).join(', ')}${names.length > SUMMARY_NAMES ? ', …' : ''}`;
  return [
    programs.length === 0 ? 'runs a command' : `runs ${some(programs)}`,
    ...(written.length === 0 ? [] : [`writes ${some(written)}`]),
    ...(unknown.length === 0 ? [] : [`unknown: ${unknown[0] ?? ''}`]),
  ].join('; ');
}

const UNKNOWN: Effect = { action: 'unknown', resource: null, facts: { assurance: 'parsed' } };

function read(command: string, shell: 'posix' | 'other'): Facts {
  const reading = new Reading();
  if (shell === 'other') reading.unknown.add('the shell of this target is one that the gateway does not read');
  else if (command.includes('\u{fffd}')) reading.unknown.add('it is not UTF-8');
  else reading.text(command);
  if (reading.effects.length === 0 && reading.unknown.size === 0) reading.unknown.add('it runs nothing that can be seen');
  const unknown = [...reading.unknown];
  const effects = unknown.length === 0 ? reading.effects : [...reading.effects, UNKNOWN];
  return { effects, unknown, summary: summaryOf(reading.effects, unknown), redacted: null };
}

/** Decisions are cached by the identity of facts, so the same command gives the same object, as long as it is among the last ones. */
const KEPT = 1_000;
const KEPT_LENGTH = 4_096;
const kept = new Map<string, Facts>();

export function commandFacts(command: string, shell: 'posix' | 'other'): Facts {
  const key = `${shell} ${command}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const facts = read(command, shell);
  if (command.length > KEPT_LENGTH) return facts;
  if (kept.size >= KEPT) for (const oldest of [...kept.keys()].slice(0, KEPT / 10)) kept.delete(oldest);
  kept.set(key, facts);
  return facts;
}
