/** Fills templates with random values and remembers where the positives are. The same seed gives the same documents. */
import { Random } from './random.js';
import { type CorpusClass, NEGATIVES, POSITIVES } from './values.js';

export interface Label {
  readonly class: CorpusClass;
  /** Byte offsets in the document. */
  readonly start: number;
  readonly end: number;
}

export interface Document {
  readonly bytes: Buffer;
  readonly labels: readonly Label[];
}

const SLOT = /\{([a-z0-9]+)(!?)\}/g;
const isPositive = (name: string): name is CorpusClass => name in POSITIVES;
const isNegative = (name: string): name is keyof typeof NEGATIVES => name in NEGATIVES;

/** `count` documents from the templates, in turn. */
export function buildCorpus(templates: readonly string[], count: number, seed: number): readonly Document[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => fill(templates[i % templates.length] ?? '', random));
}

function fill(template: string, random: Random): Document {
  const labels: Label[] = [];
  let text = '';
  let at = 0;
  for (const match of template.matchAll(SLOT)) {
    const name = match[1] ?? '';
    text += template.slice(at, match.index);
    at = match.index + match[0].length;
    if (isPositive(name)) {
      const start = Buffer.byteLength(text);
      text += POSITIVES[name](random, match[2] === '!' ? 'bare' : 'spelled');
      labels.push({ class: name, start, end: Buffer.byteLength(text) });
    } else if (isNegative(name)) text += NEGATIVES[name](random);
    else text += match[0];
  }
  return { bytes: Buffer.from(text + template.slice(at)), labels };
}
