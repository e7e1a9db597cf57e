/** The table of measured figures in docs/masking-detectors.md, from the corpus of test/masking/corpus. */
import { buildCorpus } from '../test/masking/corpus/build-corpus.js';
import { DEVELOPMENT_TEMPLATES } from '../test/masking/corpus/development-templates.js';
import { HELD_OUT_TEMPLATES } from '../test/masking/corpus/held-out-templates.js';
import { CORPUS_CLASSES, measure, type Score } from '../test/masking/corpus/measure.js';

/** Documents of each half. */
const DOCUMENTS = 4000;
const BEGIN = '<!-- figures: written by `npm run generate`, do not edit -->';
const END = '<!-- end of figures -->';

export interface Half {
  readonly name: string;
  readonly scores: ReadonlyMap<string, Score>;
}

/** Both halves, measured. */
export function measureHalves(): readonly Half[] {
  return [
    { name: 'development', scores: measure(buildCorpus(DEVELOPMENT_TEMPLATES, DOCUMENTS, 1)) },
    { name: 'held out', scores: measure(buildCorpus(HELD_OUT_TEMPLATES, DOCUMENTS, 2)) },
  ];
}

/** The page with its figures replaced. Pure but for the corpus, which is the same everywhere. */
export function renderDetectorFigures(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('docs/masking-detectors.md has no place for figures');
  const rows = measureHalves().flatMap(({ name, scores }) =>
    CORPUS_CLASSES.map((each) => {
      const { positives, found, findings, right } = scores.get(each) ?? { positives: 0, found: 0, findings: 0, right: 0 };
      return `| ${each} | ${name} | ${positives} | ${(found / positives).toFixed(4)} | ${findings} | ${(right / findings).toFixed(4)} |`;
    }),
  );
  const table = ['| Class | Half | Values | Recall | Findings | Precision |', '|---|---|---|---|---|---|', ...rows];
  return `${page.slice(0, begin)}${BEGIN}\n${table.join('\n')}\n${page.slice(end)}`;
}
