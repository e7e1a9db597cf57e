/** What reading a command gives: every simple command in it, wherever it stands (pipes, lists, branches, substitutions), and what could not be read. */

export interface Word {
  /** What the shell makes of it, quotes removed; null: that depends on more than the text. */
  readonly text: string | null;
  /** As it was written. */
  readonly source: string;
  /** Nothing of it is quoted or expanded: only such a word can be a reserved one. */
  readonly bare: boolean;
  /** `*`, `?`, `[` or `~` stand in it unquoted: the shell may put names of files in its place. */
  readonly expanded: boolean;
  /** Why `text` is null; null otherwise. */
  readonly unknown: string | null;
}

export interface Redirection {
  readonly mode: 'read' | 'write' | 'append';
  readonly target: Word;
}

export interface SimpleCommand {
  readonly assignments: readonly { readonly name: string; readonly value: Word }[];
  /** Program first; empty where there are only assignments or redirections. */
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  /** Another command's output is its input. */
  readonly piped: boolean;
}

export interface ShellTree {
  readonly commands: readonly SimpleCommand[];
  /** Words that belong to no command: what `case` compares, here-documents, here-strings, lists of loops. Expanding them can run something, too. */
  readonly others: readonly Word[];
  /** Variables that loops set. */
  readonly variables: ReadonlySet<string>;
  /** Not empty: the rest of the text was not read. */
  readonly unknown: readonly string[];
}

/** The text goes beyond what is read here. Ends the reading; never leaves this folder. */
export class Unreadable extends Error {}

/** Nesting of substitutions and compound commands. */
export const DEPTH = 40;
/** Simple commands of one text. */
export const COMMANDS = 1_000;
/** Words that its programs get, those behind wrappers counted for each of them. */
export const WORDS = 20_000;
