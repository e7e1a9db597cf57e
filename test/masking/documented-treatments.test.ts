/** docs/masking-detectors.md: the table of partial forms shows what the transforms really give. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Secret } from '../../src/base/secret.js';
import { createTokenKeys, createTransform } from '../../src/masking/index.js';

const page = readFileSync(new URL('../../docs/masking-detectors.md', import.meta.url), 'utf8');
const key = createTokenKeys([{ id: 1, secret: new Secret(new Uint8Array(32).fill(1)) }]);
const rows = page
  .slice(page.indexOf('| Class | Value | Partial |'))
  .split('\n\n', 1)[0]
  ?.split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()));

function partial(dataClass: string, value: string, more: { readonly keepLength?: boolean; readonly showBin?: boolean }): string {
  const shown = createTransform({ treatment: 'partial', class: dataClass, kind: 'text', key, clock: systemClock, ...more })(Buffer.from(value));
  return Buffer.from(shown ?? []).toString();
}

const quoted = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

describe('documented partial forms', () => {
  it('are there', () => {
    expect(rows?.length).toBeGreaterThan(5);
  });

  it.each(rows ?? [])('%s%s: %s', (_, classes = '', value = '', short = '', long = '') => {
    const [text = ''] = quoted(value);
    const [plain, withBin] = quoted(short);
    for (const dataClass of classes.split(', ').filter((each) => each !== 'iban' && each !== 'aba' && each !== 'ein')) {
      expect(partial(dataClass, text, {})).toBe(plain);
      if (withBin !== undefined) expect(partial(dataClass, text, { showBin: true })).toBe(withBin);
      expect(partial(dataClass, text, { keepLength: true })).toBe(quoted(long)[0]);
    }
  });
});
