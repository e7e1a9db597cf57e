/**
 * The wildcard of policy files: `*` stands for any run of characters, nothing else is special. No regular expressions: a pattern is cut
 * into literal pieces once, and a test walks the text forward only, so that no name chosen by a client can make a decision slow.
 * The text under test is untrusted.
 */
export interface Glob {
  /** The one text that matches, when the pattern has no wildcard. */
  readonly literal: string | null;
  /** True when every text matches. */
  readonly any: boolean;
  test(text: string): boolean;
}

/** A pattern that matches exactly `text`; `*` in it is an ordinary character. */
export function literalGlob(text: string): Glob {
  return { literal: text, any: false, test: (candidate) => candidate === text };
}

const ANY: Glob = { literal: null, any: true, test: () => true };

/** Compiles a pattern in which each `*` matches any run of characters, also an empty one. */
export function compileGlob(pattern: string): Glob {
  const pieces = pattern.split('*');
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return literalGlob(first);
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  const last = pieces[pieces.length - 1] ?? '';
  if (first === '' && last === '' && middle.length === 0) return ANY;
  const shortest = first.length + last.length;
  return {
    literal: null,
    any: false,
    test(text) {
      if (text.length < shortest || !text.startsWith(first) || !text.endsWith(last)) return false;
      const end = text.length - last.length;
      let from = first.length;
      for (const piece of middle) {
        const at = text.indexOf(piece, from);
        if (at < 0 || at + piece.length > end) return false;
        from = at + piece.length;
      }
      return true;
    },
  };
}
