/** The claims of the verifier are the ones that the guide and the format explain, all of them and no others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOG_EVENTS } from '../../src/audit/log-events.js';
import { CLAIMS } from '../../src/audit/log-problem.js';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '..', '..', 'docs', name), 'utf8');
/** Words in back quotes in the first column of the tables below a heading. */
function firstColumn(text: string): string[] {
  return [...text.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)).sort();
}

describe('documents of the log', () => {
  it.each(['audit.md', 'spec/log.md'])('%s explains every claim', (name) => {
    const text = read(name);
    const claims = text.slice(Math.max(text.indexOf('## Claims'), text.indexOf('| claim |')));
    expect(firstColumn(claims)).toEqual(Object.keys(CLAIMS).sort());
  });

  it('spec/log.md lists every kind of entry that the log has of its own', () => {
    const text = read('spec/log.md');
    const kinds = firstColumn(text.slice(text.indexOf('## Entries'), text.indexOf('## Claims')));
    expect(kinds).toEqual(Object.keys(LOG_EVENTS).sort());
  });
});
