/**
 * Recall and precision of the detectors on a corpus. A positive counts as found when findings of its class cover all of its bytes; a
 * finding counts as right when it overlaps a positive of its class. All classes are looked for at once, as the gateway does.
 */
import { DETECTED_CLASSES } from '../../../src/contract/masking.js';
import { createScanner, Findings } from '../../../src/masking/index.js';
import type { Document } from './build-corpus.js';
import { type CorpusClass, POSITIVES } from './values.js';

export interface Score {
  readonly positives: number;
  readonly found: number;
  readonly findings: number;
  readonly right: number;
}

export const CORPUS_CLASSES = Object.keys(POSITIVES) as readonly CorpusClass[];

/** What was missed or wrong, for people who look for the reason. */
export type OnMistake = (kind: 'missed' | 'wrong', dataClass: string, value: string, document: string) => void;

export function measure(documents: readonly Document[], onMistake: OnMistake = () => undefined): ReadonlyMap<CorpusClass, Score> {
  const scanner = createScanner(DETECTED_CLASSES);
  const found = new Findings();
  const scores = new Map(CORPUS_CLASSES.map((each) => [each, { positives: 0, found: 0, findings: 0, right: 0 }]));
  for (const { bytes, labels } of documents) {
    scanner.scan(bytes, 0, bytes.length, found);
    const all = Array.from({ length: found.count }, (_, i) => ({ class: found.classOf(i), start: found.start(i), end: found.end(i) }));
    const text = (range: { start: number; end: number }): string => bytes.toString('utf8', range.start, range.end);
    for (const label of labels) {
      const score = scores.get(label.class);
      if (score === undefined) continue;
      score.positives++;
      if (all.some((each) => each.class === label.class && each.start <= label.start && each.end >= label.end)) score.found++;
      else onMistake('missed', label.class, text(label), bytes.toString());
    }
    for (const finding of all) {
      const score = scores.get(finding.class as CorpusClass);
      if (score === undefined) continue;
      score.findings++;
      if (labels.some((label) => label.class === finding.class && label.start < finding.end && finding.start < label.end)) score.right++;
      else onMistake('wrong', finding.class, text(finding), bytes.toString());
    }
  }
  return scores;
}
