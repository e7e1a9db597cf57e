/**
 * One word of a POSIX shell (POSIX.1-2017, Shell Command Language, 2.2 and 2.6): quotes are taken away, expansions are noted, substitutions are
 * handed to whoever reads programs. Where shells differ in what a word is (`{a,b}`) it is unknown; where they differ in how far it goes (`$'…'`), all is. Input is untrusted.
 */
import { DEPTH, Unreadable, type Word } from './tree.js';

/** The text and where reading stands. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** Reads a program that starts at the cursor and ends before `)`; or a text of its own. */
export interface Programs {
  inside(cursor: Cursor): void;
  apart(text: string): void;
}

/** Shells take a backslash and the line end behind it away before they look at anything, so that what stands on both sides may be one thing. */
export const JOINED = 'lines are joined in the middle of something';

const ENDS = new Set([' ', '\t', '\n', '|', '&', ';', '<', '>', '(', ')', '']);
const PARAMETER = /[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]/y;

/** Between the outermost braces there is something to choose from. In one pass: a pattern would look at each brace for all that follows. */
function mayExpandBraces(plain: string): boolean {
  const open = plain.indexOf('{');
  const inside = open < 0 ? '' : plain.slice(open, plain.lastIndexOf('}') + 1);
  return inside.includes(',') || inside.includes('..');
}

class WordReader {
  readonly #cursor: Cursor;
  readonly #programs: Programs;
  #text = '';
  /** The unquoted part, for what is special only there. */
  #plain = '';
  #bare = true;
  #expanded = false;
  #unknown: string | null = null;
  #braces = 0;

  constructor(cursor: Cursor, programs: Programs) {
    this.#cursor = cursor;
    this.#programs = programs;
  }

  read(): Word | null {
    const from = this.#cursor.at;
    if (this.#peek() === '~') this.#expanded = true;
    while (!ENDS.has(this.#peek())) this.#unquoted();
    if (this.#cursor.at === from) return null;
    if (mayExpandBraces(this.#plain)) this.#lose('shells differ in what they make of its braces');
    return this.#word(from);
  }

  #word(from: number): Word {
    const source = this.#cursor.text.slice(from, this.#cursor.at);
    return { text: this.#unknown === null ? this.#text : null, source, bare: this.#bare, expanded: this.#expanded, unknown: this.#unknown };
  }

  #peek(ahead = 0): string {
    return this.#cursor.text.charAt(this.#cursor.at + ahead);
  }

  #next(): string {
    const character = this.#peek();
    if (character === '') throw new Unreadable('it ends in the middle of a word');
    this.#cursor.at++;
    return character;
  }

  /** What stands behind a backslash. */
  #escaped(): string {
    const character = this.#next();
    if (character === '\n') throw new Unreadable(JOINED);
    return character;
  }

  #lose(why: string): void {
    this.#unknown ??= why;
  }

  #unquoted(): void {
    const character = this.#next();
    switch (character) {
      case '\\':
        this.#bare = false;
        this.#text += this.#escaped();
        return;
      case "'":
        this.#bare = false;
        for (let quoted = this.#next(); quoted !== "'"; quoted = this.#next()) this.#text += quoted;
        return;
      case '"':
        this.#bare = false;
        this.#doubleQuoted();
        return;
      case '`':
        this.#backquoted(false);
        return;
      case '$':
        this.#dollar(false);
        return;
      case '*':
      case '?':
      case '[':
        this.#expanded = true;
        break;
      default:
    }
    this.#text += character;
    this.#plain += character;
  }

  /** A text in which a double quote is an ordinary character, up to its end. */
  readText(): Word {
    this.#doubleQuoted('');
    return this.#word(0);
  }

  #doubleQuoted(end = '"'): void {
    for (;;) {
      if (end === '' && this.#peek() === '') return;
      const character = this.#next();
      if (character === end) return;
      if (character === '$') this.#dollar(true);
      else if (character === '`') this.#backquoted(true);
      else if (character === '\\') {
        const escaped = this.#escaped();
        this.#text += '$`"\\'.includes(escaped) ? escaped : `\\${escaped}`;
      } else this.#text += character;
    }
  }

  #backquoted(quoted: boolean): void {
    let inner = '';
    for (let character = this.#next(); character !== '`'; character = this.#next()) {
      if (character !== '\\') inner += character;
      else {
        const escaped = this.#escaped();
        if (quoted && escaped === '"') throw new Unreadable('shells differ in what they make of quotes within quotes');
        inner += '$`\\'.includes(escaped) ? escaped : `\\${escaped}`;
      }
    }
    this.#bare = false;
    this.#lose('the output of a command stands in it');
    this.#programs.apart(inner);
  }

  #dollar(quoted: boolean): void {
    const following = this.#peek();
    if (following === '(') {
      this.#bare = false;
      if (this.#peek(1) === '(') this.#arithmetic();
      else {
        this.#cursor.at++;
        this.#programs.inside(this.#cursor);
        if (this.#next() !== ')') throw new Unreadable('a substitution is not closed');
        this.#lose('the output of a command stands in it');
      }
      return;
    }
    if (following === '{') {
      this.#cursor.at++;
      this.#braced();
      return;
    }
    if (following === '[' || (!quoted && following === "'")) throw new Unreadable(`shells differ in where "$${following}" ends`);
    if (!quoted && following === '"') {
      this.#lose('shells differ in what they make of its quotes');
      this.#bare = false;
      return;
    }
    PARAMETER.lastIndex = this.#cursor.at;
    const name = PARAMETER.exec(this.#cursor.text)?.[0];
    if (name === undefined) {
      this.#text += '$';
      this.#plain += '$';
      return;
    }
    this.#cursor.at += name.length;
    this.#parameter(name);
  }

  #parameter(name: string): void {
    this.#bare = false;
    this.#lose(`the value of $${name.slice(0, 40)} is not known`);
  }

  /** `$((…))`; a subshell in a substitution begins the same way and is not told apart. */
  #arithmetic(): void {
    const { text, at } = this.#cursor;
    let depth = 0;
    let end = at;
    for (; end < text.length; end++) {
      const character = text.charAt(end);
      if (character === '(') depth++;
      else if (character === ')' && --depth === 0) break;
      else if ('\'"`\\$'.includes(character)) throw new Unreadable('an arithmetic expansion holds more than names and numbers');
    }
    if (depth !== 0 || text.charAt(end - 1) !== ')') throw new Unreadable('an arithmetic expansion is not closed');
    // `$((a) | b)`, too, ends in a closing parenthesis: what is in it must be an expression.
    if (!/^\(\([\w\s+*/%<>=!&|^~?:,()-]*\)\)$/.test(text.slice(at, end + 1)) || /[A-Za-z_]\s+[A-Za-z_]/.test(text.slice(at, end)))
      throw new Unreadable('an arithmetic expansion cannot be told from a command');
    this.#cursor.at = end + 1;
    this.#lose('the value of an expression is not known');
  }

  #braced(): void {
    if (++this.#braces > DEPTH) throw new Unreadable('it is nested too deeply');
    const from = this.#cursor.at;
    for (;;) {
      const character = this.#next();
      if (character === '}') break;
      // Whether a quote in here is one depends on the quotes around it, and shells do not agree on it.
      if ('\'"\\'.includes(character)) throw new Unreadable('quotes within braces are not read here');
      if (character === '$') this.#dollar(true);
      else if (character === '`') this.#backquoted(true);
    }
    this.#braces--;
    this.#parameter(`{${this.#cursor.text.slice(from, this.#cursor.at)}`);
  }
}

/** The word at the cursor; null where none begins. @throws Unreadable */
export const readWord = (cursor: Cursor, programs: Programs): Word | null => new WordReader(cursor, programs).read();

/** The body of a here-document whose delimiter is not quoted: expansions happen in it. @throws Unreadable */
export const readExpandedText = (text: string, programs: Programs): Word => new WordReader({ text, at: 0 }, programs).readText();
