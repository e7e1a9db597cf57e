/**
 * Reads a command line as a POSIX shell would (POSIX.1-2017, Shell Command Language, 2.9 and 2.10): lists, pipelines, compound commands,
 * substitutions, redirections, here-documents. It finds what would run, not in which order or whether. What it does not read (functions,
 * `[[`, arrays, process substitution …) makes the rest unknown. Pure; the text is untrusted and may be of any size up to the caller's limit.
 */
import { type Cursor, JOINED, type Programs, readExpandedText, readWord } from './read-word.js';
import { COMMANDS, DEPTH, type Redirection, type ShellTree, type SimpleCommand, Unreadable, type Word } from './tree.js';

/** A digit in front names what is redirected. */
const REDIRECT = /[0-9]?(&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||<|>)/y;
/** Shells differ in what they take from any other word as the end of a here-document. */
const DELIMITER = /^(?:([A-Za-z0-9_.-]+)|'([A-Za-z0-9_.-]+)'|"([A-Za-z0-9_.-]+)")$/;
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/;
const NOT_READ = new Set(['[[', 'function', 'select', 'coproc', '((']);

interface HereDocument {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly tabs: boolean;
}

class ShellReader implements Programs {
  readonly commands: SimpleCommand[] = [];
  readonly others: Word[] = [];
  readonly variables = new Set<string>();
  #cursor: Cursor;
  #depth = 0;
  #documents: HereDocument[] = [];

  constructor(text: string) {
    this.#cursor = { text, at: 0 };
  }

  run(): void {
    if (this.#cursor.text.includes('\0')) throw new Unreadable('it holds a NUL');
    this.#program(new Set());
    if (this.#documents.length > 0) throw new Unreadable('a here-document has no text');
    if (this.#cursor.at < this.#cursor.text.length)
      throw new Unreadable(`it cannot be read from "${this.#cursor.text.slice(this.#cursor.at, this.#cursor.at + 20)}" on`);
  }

  // ---- programs in other places

  inside(cursor: Cursor): void {
    const outer = this.#cursor;
    const documents = this.#documents;
    this.#cursor = cursor;
    this.#documents = [];
    this.#program(new Set());
    if (this.#documents.length > 0) throw new Unreadable('a here-document has no text');
    this.#cursor = outer;
    this.#documents = documents;
  }

  apart(text: string): void {
    const cursor = { text, at: 0 };
    this.inside(cursor);
    if (cursor.at < text.length) throw new Unreadable('a substitution cannot be read');
  }

  // ---- lists

  /** Up to the end, a `)`, `;;`, or one of `stops` where a command could begin. The stop is left standing. */
  #program(stops: ReadonlySet<string>): void {
    if (++this.#depth > DEPTH) throw new Unreadable('it is nested too deeply');
    for (;;) {
      this.#blank(true);
      if (this.#atEnd() || this.#stopsAt(stops)) break;
      this.#pipeline();
      this.#blank(false);
      const { text, at } = this.#cursor;
      if (text.startsWith(';;', at)) break;
      const separator = /\|\||&&|[;&\n]/y;
      separator.lastIndex = at;
      const found = separator.exec(text)?.[0];
      if (found === undefined) break;
      if (found !== '\n') this.#cursor.at += found.length;
    }
    this.#depth--;
  }

  #atEnd(): boolean {
    const { text, at } = this.#cursor;
    return at >= text.length || text.charAt(at) === ')' || text.startsWith(';;', at);
  }

  #stopsAt(stops: ReadonlySet<string>): boolean {
    return stops.has(this.#word());
  }

  /** The bare word that stands here, not taken. */
  #word(): string {
    return /^[^ \t\n|&;<>()'"\\$`]+(?=[ \t\n|&;<>()]|$)/.exec(this.#cursor.text.slice(this.#cursor.at, this.#cursor.at + 64))?.[0] ?? '';
  }

  #expect(word: string): void {
    this.#blank(true);
    if (this.#word() !== word) throw new Unreadable(`"${word}" is missing`);
    this.#cursor.at += word.length;
  }

  #pipeline(): void {
    for (let piped = false; ; piped = true) {
      this.#blank(piped);
      while (this.#word() === '!') {
        this.#cursor.at++;
        this.#blank(false);
      }
      this.#command(piped);
      this.#blank(false);
      const { text, at } = this.#cursor;
      if (text.charAt(at) !== '|' || text.charAt(at + 1) === '|') return;
      this.#cursor.at += text.charAt(at + 1) === '&' ? 2 : 1;
    }
  }

  // ---- commands

  #command(piped: boolean): void {
    const { text, at } = this.#cursor;
    const word = this.#word();
    if (NOT_READ.has(word) || text.startsWith('((', at)) throw new Unreadable(`"${word === '' ? '((' : word}" is not read here`);
    if (text.charAt(at) === '(') {
      this.#cursor.at++;
      this.#program(new Set());
      if (text.charAt(this.#cursor.at) !== ')') throw new Unreadable('a parenthesis is not closed');
      this.#cursor.at++;
    } else if (word === '{') this.#between('{', '}');
    else if (word === 'if') this.#branches();
    else if (word === 'while' || word === 'until') {
      this.#between(word, 'do');
      this.#rest('done');
    } else if (word === 'for') this.#loop();
    else if (word === 'case') this.#cases();
    else {
      this.#simple(piped);
      return;
    }
    this.#redirections(piped);
  }

  /** `open LIST close`. */
  #between(open: string, close: string): void {
    this.#cursor.at += open.length;
    this.#rest(close);
  }

  #rest(close: string): void {
    this.#program(new Set([close]));
    this.#expect(close);
  }

  #branches(): void {
    this.#between('if', 'then');
    for (;;) {
      this.#program(new Set(['elif', 'else', 'fi']));
      const word = this.#word();
      if (word === 'elif') this.#between('elif', 'then');
      else if (word === 'else') this.#cursor.at += 4;
      else {
        this.#expect('fi');
        return;
      }
    }
  }

  #loop(): void {
    this.#cursor.at += 'for'.length;
    this.#blank(false);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(this.#word())) throw new Unreadable('a loop has no variable');
    this.variables.add(this.#word());
    this.#cursor.at += this.#word().length;
    this.#blank(true);
    if (this.#word() === 'in') {
      this.#cursor.at += 2;
      this.#blank(false);
      while (this.#other()) this.#blank(false);
    }
    if (this.#cursor.text.charAt(this.#cursor.at) === ';') this.#cursor.at++;
    this.#expect('do');
    this.#rest('done');
  }

  #cases(): void {
    this.#cursor.at += 'case'.length;
    this.#blank(false);
    if (!this.#other()) throw new Unreadable('"case" has no word');
    this.#expect('in');
    for (;;) {
      this.#blank(true);
      if (this.#word() === 'esac') break;
      const { text } = this.#cursor;
      if (text.charAt(this.#cursor.at) === '(') this.#cursor.at++;
      do {
        if (text.charAt(this.#cursor.at) === '|') this.#cursor.at++;
        this.#blank(false);
        if (!this.#other()) throw new Unreadable('a pattern is missing');
        this.#blank(false);
      } while (text.charAt(this.#cursor.at) === '|');
      if (text.charAt(this.#cursor.at) !== ')') throw new Unreadable('a pattern is not closed');
      this.#cursor.at++;
      this.#program(new Set(['esac']));
      if (text.startsWith(';;', this.#cursor.at)) this.#cursor.at += 2;
    }
    this.#expect('esac');
  }

  #redirections(piped: boolean): void {
    const redirections: Redirection[] = [];
    this.#blank(false);
    while (this.#redirection(redirections)) this.#blank(false);
    if (redirections.length > 0) this.#found({ assignments: [], words: [], redirections, piped });
  }

  #simple(piped: boolean): void {
    const assignments: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    let parted = false;
    for (;;) {
      this.#blank(false);
      const from = this.#cursor.at;
      if (this.#redirection(redirections)) {
        parted ||= /^[0-9]?&/.test(this.#cursor.text.slice(from, this.#cursor.at));
        continue;
      }
      const word = this.#readWord();
      if (word === null) break;
      // bash takes what follows for arguments; to dash and POSIX `&` ends the command, and this is the next one.
      if (parted) throw new Unreadable('shells differ in what "&>" leaves to run behind it');
      // To bash a redirection whose number goes into a variable; and to dash `22>` is a word and `>`.
      if (/^(?:\{.*\}|[0-9]+)$/s.test(word.source) && '<>'.includes(this.#cursor.text.charAt(this.#cursor.at) || ' '))
        throw new Unreadable('shells differ in what is redirected');
      const assigned = words.length === 0 ? ASSIGNMENT.exec(word.source) : null;
      if (assigned?.[0].endsWith('+=') === true) throw new Unreadable('shells differ in what "+=" is');
      if (assigned === null) words.push(word);
      else assignments.push({ name: assigned[1] ?? '', value: word });
      if (this.#cursor.text.charAt(this.#cursor.at) === '(')
        throw new Unreadable(assigned === null ? 'functions are not read here' : 'arrays are not read here');
    }
    if (words.length + assignments.length + redirections.length === 0)
      throw new Unreadable(`it cannot be read from "${this.#cursor.text.slice(this.#cursor.at, this.#cursor.at + 20)}" on`);
    this.#found({ assignments, words, redirections, piped });
  }

  #found(command: SimpleCommand): void {
    if (this.commands.length >= COMMANDS) throw new Unreadable('it holds too many commands');
    this.commands.push(command);
  }

  /** The word at the cursor, if there is one. */
  #readWord(): Word | null {
    const word = readWord(this.#cursor, this);
    if (this.#documents.length > 0 && word?.source.includes('\n') === true) throw new Unreadable('a word goes on where a here-document begins');
    return word;
  }

  /** A word that belongs to no command, if there is one. */
  #other(): boolean {
    const word = this.#readWord();
    if (word !== null) this.others.push(word);
    return word !== null;
  }

  /** A redirection at the cursor, if there is one. */
  #redirection(found: Redirection[]): boolean {
    const { text, at } = this.#cursor;
    REDIRECT.lastIndex = at;
    const [whole = '', operator] = REDIRECT.exec(text) ?? [];
    if (operator === undefined) return false;
    if (/^[<>]$/.test(operator) && text.charAt(at + whole.length) === '(') throw new Unreadable('process substitution is not read here');
    this.#cursor.at += whole.length;
    this.#blank(false);
    const target = this.#readWord();
    if (target === null) throw new Unreadable('a redirection leads nowhere');
    if (operator === '<<' || operator === '<<-') this.#documents.push({ ...delimiterOf(target.source), tabs: operator === '<<-' });
    else if (operator === '<<<') this.others.push(target);
    else if (/^[<>]&$/.test(operator) && /^(?:[0-9]+-?|-)$/.test(target.text ?? '')) return true;
    // bash expands the name of such a file twice, the second time without its quotes.
    else if (/^[<>]&$/.test(operator) && !/^[\w./:@%+,=-]+$/.test(target.text ?? '')) throw new Unreadable('shells differ in what is redirected');
    else if (operator === '<' || operator === '<&') found.push({ mode: 'read', target });
    else found.push({ mode: operator.includes('>>') ? 'append' : 'write', target });
    return true;
  }

  /** Skips blanks, comments and joined lines; with `lines`, line ends too, and the here-documents behind them. */
  #blank(lines: boolean): void {
    const { text } = this.#cursor;
    for (;;) {
      const character = text.charAt(this.#cursor.at);
      if (character === ' ' || character === '\t') this.#cursor.at++;
      else if (character === '\\' && text.charAt(this.#cursor.at + 1) === '\n') {
        // A shell takes it away before it looks for words: `&\⏎&` is `&&`, and `(\⏎(` is arithmetic.
        if (!' \t\n'.includes(text.charAt(this.#cursor.at - 1))) throw new Unreadable(JOINED);
        this.#cursor.at += 2;
      } else if (character === '#') {
        const end = text.indexOf('\n', this.#cursor.at);
        this.#cursor.at = end < 0 ? text.length : end;
      } else if (character === '\n' && lines) {
        this.#cursor.at++;
        for (const document of this.#documents.splice(0)) this.#body(document);
      } else return;
    }
  }

  #body({ delimiter, quoted, tabs }: HereDocument): void {
    const { text } = this.#cursor;
    const lines: string[] = [];
    for (;;) {
      if (this.#cursor.at >= text.length) throw new Unreadable('a here-document is not closed');
      const end = text.indexOf('\n', this.#cursor.at);
      const whole = text.slice(this.#cursor.at, end < 0 ? text.length : end);
      // They are gone before anything in the text is expanded, which may hold a here-document of its own.
      const line = tabs ? whole.replace(/^\t+/, '') : whole;
      this.#cursor.at = end < 0 ? text.length : end + 1;
      if (line === delimiter) break;
      // Within `$(…)` bash ends the text at such a line as well.
      if (line.startsWith(delimiter) && line.includes(')')) throw new Unreadable('shells differ in where a here-document ends');
      if (!quoted && line.endsWith('\\')) throw new Unreadable('lines of a here-document are joined');
      lines.push(line);
    }
    if (!quoted) this.others.push(readExpandedText(lines.join('\n'), this));
  }
}

function delimiterOf(source: string): { readonly delimiter: string; readonly quoted: boolean } {
  const [, plain, ...quoted] = DELIMITER.exec(source) ?? [];
  const delimiter = plain ?? quoted.find((text) => text !== undefined);
  if (delimiter === undefined) throw new Unreadable(`where a here-document ends that is marked by ${source.slice(0, 20)} is not certain`);
  return { delimiter, quoted: plain === undefined };
}

/** Everything that a shell would run for `text`. Never throws. */
export function parseShell(text: string): ShellTree {
  const reader = new ShellReader(text);
  const { commands, others, variables } = reader;
  try {
    reader.run();
    return { commands, others, variables, unknown: [] };
  } catch (thrown) {
    if (!(thrown instanceof Unreadable)) throw thrown;
    return { commands, others, variables, unknown: [thrown.message] };
  }
}
