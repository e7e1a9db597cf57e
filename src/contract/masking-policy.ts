/**
 * What policy says about sensitive data: which columns carry which class, and how one identity on one target is shown it. Data only; the
 * island finds out where a value comes from, `masking/` changes it, and these say what to do.
 */

import type { Treatment, ValueKind, ValueTransform } from './masking.js';

/** May a column decide which rows are shown, in what order or groups? `equality`: only by comparison with known values. */
export const CONDITION_USES = ['allow', 'equality', 'deny'] as const;
export type ConditionRight = (typeof CONDITION_USES)[number];

/** What becomes of a statement when nobody lets it show a class in clear: it does not run, or it runs and its values stay hidden. */
export const UNAPPROVED = ['refused', 'masked'] as const;
export type Unapproved = (typeof UNAPPROVED)[number];

/** A column of a class is shown in clear to a statement that people let show it. */
export interface ClearTerms {
  /** `file-stem/id` of the mask rules that wait for people. */
  readonly rules: readonly string[];
  /** Who is asked by them; nobody where they only count what is approved for another rule's sake. */
  readonly groups: readonly string[];
  readonly unapproved: Unapproved;
}

/** A hidden column that an operation would show in clear, if people let it. */
export interface ClearColumn {
  /** Parts of its name as policy knows it, outermost first. */
  readonly column: readonly string[];
  readonly class: string;
  /** It carries no tag: what detectors find of the class in its text. Left out: all of it is of the class. */
  readonly detected?: true;
  readonly terms: ClearTerms;
}

/** How values were shown, as a record tells it. */
export interface MaskedAs {
  readonly class: string;
  readonly treatment: Treatment;
  /** What of it decided: `file-stem/id` of a mask rule; null: the default of the class. */
  readonly rule: string | null;
}

/** A class of data as one identity sees it. */
export interface ClassView extends MaskedAs {
  /** `partial` keeps length and separators of the value. */
  readonly keepLength: boolean;
  /** `partial` of a card number shows its first six digits as well. */
  readonly showBin: boolean;
  readonly conditions: ConditionRight;
  /** Found by content in text without a tag as well. */
  readonly detect: boolean;
  /** What detectors find of it in a text is hidden from who works on a terminal, too; otherwise in the record only. */
  readonly screen: boolean;
  /** The same wherever it is delivered: without a terminal, too. */
  readonly output: boolean;
  /** `file-stem/id` of the mask rule by which a token of it that is compared with a column of the class stands for its value; null: it does not. */
  readonly resolvedBy: string | null;
  /** How people may let it be shown in clear, statement by statement; null: they may not, or it is. */
  readonly onApproval: ClearTerms | null;
}

/** How one identity sees the data of one target. */
export interface MaskingView {
  /** Every class that is tagged or detected here. */
  readonly classes: readonly ClassView[];
  /** At least one class is not seen in clear. */
  readonly hides: boolean;
  /** Tokens of some class, in some column, are resolved. */
  readonly resolvesTokens: boolean;
  /** People may let what detectors find in some column be shown in clear, or did. */
  readonly opensDetected: boolean;
  /** A value of which nothing is known: it may be of any class that is not seen in clear. */
  readonly unknown: ClassView;
  /**
   * Classes with which a column is tagged, each as it is seen there. `name`: of its relation or what holds it, outermost part first, a part
   * that is not known null: then every tag that may be meant counts. Cached by the caller.
   */
  columnClasses(name: readonly (string | null)[], column: string): readonly ClassView[];
  /**
   * Classes of which people may let what detectors find in the text of this column, which carries no tag, be shown in clear, or did. Of any other
   * it is shown as `classes` says.
   */
  detectedClasses(name: readonly string[], column: string): readonly ClassView[];
}

/** How many values were changed, or shown, and by which rule. */
export interface MaskCount extends MaskedAs {
  readonly values: number;
}

/** How many tokens in an operation stood for their values, and by which rule. */
export interface TokenCount {
  readonly class: string;
  readonly rule: string | null;
  readonly values: number;
}

/** Looks for values in text. */
export interface TextScan {
  /**
   * Masks what detectors find in `bytes[start..end)`; gives null when they find nothing, and tells `sink` of each finding. What it gives is
   * valid until the next call.
   */
  mask(bytes: Uint8Array, start: number, end: number, sink: { found(how: ClassView): void }): Uint8Array | null;
}

/** Looks for values in text without a tag. */
export interface ValueScan extends TextScan {
  /** For texts in which findings of these classes are shown so. `begin` and `end` are for all that come of one. */
  showing(classes: readonly ClassView[]): TextScan;
  /** Values of this stretch follow, in order: it may be looked through at once. What comes after the value last asked about may not change. */
  begin(stretch: Uint8Array): void;
  /** No more of them do. */
  end(): void;
}

/** Makes tokens of values, to find the one that a token stands for. */
export interface TokenMaker {
  /** Those that are equal in this make equal tokens: a value is looked at once for all of them. */
  readonly by: string;
  /** The token that was asked about, as `make` writes it. */
  readonly token: string;
  /** `value`: canonical text. Null: it has no token. */
  make(value: Uint8Array): string | null;
}

/** Masks a text that is delivered in pieces, so that it does not matter how it is cut. What it gives is valid until the next call. */
export interface StreamMask {
  /** Takes a piece of the stream, gives what can go out: whole lines. */
  push(chunk: Uint8Array): Uint8Array;
  /**
   * Gives what an unfinished line holds, for a terminal whose prompt has no newline, but for a number or an address that may go on. Acts
   * as a cut of the line: the letters of an address may be out before its `@` comes, and are not taken back.
   */
  flush(): Uint8Array;
  /** Gives the rest. Nothing may follow. */
  end(): Uint8Array;
}

/** For protocols that deliver text and no rows. */
export interface TextMasks {
  /**
   * For the record, which hides every class that is looked for, also from whom it is shown to. `found` is told how each value was delivered: through
   * the mask of this name, if there is one.
   */
  record(delivered: 'screen' | 'output', found: (how: ClassView) => void): StreamMask;
  /** For who works on a terminal; null: nothing is hidden there. */
  readonly screen: (() => StreamMask) | null;
  /** For who gets the text without one; null: nothing is hidden there. */
  readonly output: (() => StreamMask) | null;
}

/** What an island is given to mask the results of one session. */
export interface MaskingDoor {
  readonly view: MaskingView;
  /** A transform for the values of one column of one result. */
  transform(how: ClassView, kind: ValueKind, integerBits: 16 | 32 | 64): ValueTransform;
  /** How the token may have been made: of this class and here, the likeliest first. None: it is no such token. */
  tokenMakers(how: ClassView, kind: ValueKind, integerBits: 16 | 32 | 64, token: string): readonly TokenMaker[];
  /** Null: nothing is looked for. */
  readonly scan: ValueScan | null;
  /** Null: nothing is looked for. */
  readonly text: TextMasks | null;
  /** The value is one that stands in for another: writing it would overwrite the real one. `kind` left out: it may be of any. */
  isMasked(text: string, kind?: 'text' | 'integer' | 'uuid'): boolean;
}

/** One column of what a statement returns, as somebody would see it. */
export interface ExplainedColumn {
  readonly name: string | null;
  /** Columns of the target that its values are made of, `schema.relation.column`. */
  readonly from: readonly string[];
  /** As it is, computed, or not known. */
  readonly how: 'unchanged' | 'computed' | 'unknown';
  readonly classes: readonly string[];
  /** What happens: a treatment; `scan`: detectors look at it; `clear`: nothing. */
  readonly shown: Treatment | 'scan';
  readonly rule: string | null;
  readonly why: string;
}

/** `column`: its name, or its place when it has none yet; `from`: columns as policy tags them. */
export interface InheritedTagText {
  readonly column: string;
  readonly from: readonly string[];
}

/** A class that detectors look for in text without columns, as somebody would see it. */
export interface ExplainedText {
  readonly class: string;
  readonly terminal: Treatment;
  /** Without a terminal. */
  readonly output: Treatment;
  readonly record: Treatment;
  readonly rule: string | null;
}

/** The masking of a statement, for people. */
export interface MaskingExplanation {
  /** What is looked for in the text that it says; of protocols that deliver columns nothing. */
  readonly text: readonly ExplainedText[];
  /** One list for each statement of the text that returns something. */
  readonly results: readonly (readonly ExplainedColumn[])[];
  /** Why the statement would be refused for the sake of hidden data; null: it would not. */
  readonly refusal: string | null;
  /** Columns that it makes or renames, with the tags that they have from then on, whatever they are called. */
  readonly inherits: readonly InheritedTagText[];
  /** Hidden columns that it would show in clear if people let it. */
  readonly clears: readonly ClearColumn[];
  /** Columns that the statement compares with values: a token among these stands for its value. */
  readonly resolves: readonly string[];
  /** False: the target's catalog was not to be had, so nothing is known of its columns. */
  readonly catalog: boolean;
}

/** What a value of the named column looks like: classes, each with whether it is all of the value. */
export type LooksLike = (column: string, value: string) => readonly { readonly class: string; readonly whole: boolean }[];

/** One column of a target, of which some values were looked at inside the gateway. */
export interface SampledColumn {
  /** `schema.relation`. */
  readonly relation: readonly string[];
  readonly column: string;
  readonly type: string;
  /** Values that were looked at; NULLs are not. */
  readonly values: number;
  /** How many of them hold anything. */
  readonly holding: number;
  /** How many of them hold a value of a class: by themselves, or within other text. */
  readonly found: readonly { readonly class: string; readonly whole: number; readonly within: number }[];
}

/** A tag that values and name of a column suggest; people decide. */
export interface TagProposal {
  /** `schema.relation.column`, as `data` in a policy names it. */
  readonly column: string;
  readonly type: string;
  readonly class: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly why: string;
}

/** POST /api/v1/targets/:name/masking-scan */
export interface MaskingScan {
  readonly target: string;
  readonly scope: string | null;
  /** Columns whose values were looked at. */
  readonly columns: number;
  readonly values: number;
  readonly proposals: readonly TagProposal[];
  /** Columns that policy tags already, as proposals name them. */
  readonly tagged: readonly string[];
}
