/**
 * What a terminal was sent, made fit to be shown on another one: drawing stays (text, colours, moving the cursor, clearing, scrolling), and
 * everything that would do something else goes: clipboard and titles (OSC), device control (DCS, APC, PM, SOS), questions that the terminal
 * answers as if its user typed, keys and modes of input (redteam 6e: OSC 52 and title escapes in a replay). Streaming: a sequence may be cut
 * anywhere. The input is untrusted.
 */
import { visible } from './visible-text.js';

/** Final bytes of control sequences that only draw (ECMA-48, xterm). */
const DRAWS = new Set('@ABCDEFGHIJKLMPSTXZ`adefgmrsu');
/** Private modes that only draw: wrapping, origin, cursor on or off, alternate screen. */
const MODES = new Set(['6', '7', '12', '25', '47', '1047', '1048', '1049']);
/** Two-character escapes that only draw: save and restore, index, next line, reverse index, reset. */
const SHORT = new Set('78DEMc');
/** What no terminal takes for anything but text. */
const PLAIN = /[ -~]+/y;
/** Longest control sequence; a longer one draws nothing. */
const SEQUENCE = 64;
/** Controls that only draw: backspace, tab, line feed, carriage return. Bells stay silent. */
const CONTROLS = new Set(['\b', '\t', '\n', '\r']);

type State = 'text' | 'escape' | 'charset' | 'sequence' | 'string' | 'string-escape';

/**
 * What was sent to a terminal that moves straight down at a line feed, for one that also goes to the left (as those of programs that read lines do): what
 * draws counts on the former.
 */
export const straightDown = (text: string): string => text.replaceAll(/(?<!\r)\n/g, '\u001bD');

export class TerminalFilter {
  #state: State = 'text';
  #sequence = '';
  #run = '';
  /** A control sequence was let through. */
  drew = false;

  /** Nothing waits for its rest. */
  get idle(): boolean {
    return this.#state === 'text';
  }

  /** What may be shown of `text`. A sequence that is not over yet waits for its rest. */
  write(text: string): string {
    let out = '';
    for (let at = 0; at < text.length; ) {
      // Most of it is plain text, which is let through in one piece.
      PLAIN.lastIndex = at;
      if (this.#state === 'text' && PLAIN.test(text)) {
        out += this.#flush() + text.slice(at, PLAIN.lastIndex);
        at = PLAIN.lastIndex;
        continue;
      }
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      out += this.#take(character);
      at += character.length;
    }
    return out + this.#flush();
  }

  #flush(): string {
    const run = visible(this.#run);
    this.#run = '';
    return run;
  }

  #draw(sequence: string): string {
    this.drew = true;
    return `${this.#flush()}\u001b${sequence}`;
  }

  #take(character: string): string {
    const code = character.codePointAt(0) ?? 0;
    // Cancel and substitute end whatever there was; an escape begins anew, also within.
    if (code === 0x18 || code === 0x1a) {
      this.#state = 'text';
      return '';
    }
    switch (this.#state) {
      case 'text':
        return this.#inText(character, code);
      case 'escape':
        return this.#escaped(character);
      case 'charset':
        this.#state = 'text';
        return character === 'B' || character === '0' ? this.#draw(this.#sequence + character) : '';
      case 'sequence':
        return this.#inSequence(character, code);
      case 'string':
        if (code === 0x1b) this.#state = 'string-escape';
        else if (code === 0x07 || code === 0x9c) this.#state = 'text';
        return '';
      case 'string-escape':
        // Any other escape breaks the string off and begins anew, as terminals have it.
        this.#state = character === '\\' ? 'text' : 'escape';
        return character === '\\' ? '' : this.#escaped(character);
    }
  }

  #inText(character: string, code: number): string {
    if (code === 0x1b) this.#begin('escape');
    // The same in one character of the C1 set.
    else if (code === 0x9b) this.#begin('sequence');
    else if (code === 0x90 || code === 0x98 || code === 0x9d || code === 0x9e || code === 0x9f) this.#begin('string');
    else if (CONTROLS.has(character)) return this.#flush() + character;
    else if (code >= 0x20 && (code < 0x7f || code > 0x9f)) this.#run += character;
    return '';
  }

  #begin(state: State): void {
    this.#state = state;
    this.#sequence = '';
  }

  #escaped(character: string): string {
    if (character === '[') this.#begin('sequence');
    else if (character === ']' || character === 'P' || character === 'X' || character === '^' || character === '_') this.#begin('string');
    else if (character === '(' || character === ')') {
      this.#state = 'charset';
      this.#sequence = character;
    } else if (character !== '\u001b') {
      this.#state = 'text';
      if (SHORT.has(character)) return this.#draw(character);
    }
    return '';
  }

  #inSequence(character: string, code: number): string {
    if (code === 0x1b) {
      this.#begin('escape');
      return '';
    }
    if (code < 0x40 || code > 0x7e) {
      // Parameters and intermediates; one that is too long is eaten to its end.
      if (this.#sequence.length <= SEQUENCE) this.#sequence += character;
      return '';
    }
    this.#state = 'text';
    return draws(this.#sequence, character) ? this.#draw(`[${this.#sequence}${character}`) : '';
  }
}

function draws(parameters: string, final: string): boolean {
  if (parameters.length > SEQUENCE) return false;
  if (final === 'h' || final === 'l')
    return (
      parameters === '4' ||
      (parameters.startsWith('?') &&
        parameters
          .slice(1)
          .split(';')
          .every((mode) => MODES.has(mode)))
    );
  return DRAWS.has(final) && /^[0-9;:]*$/.test(parameters);
}
