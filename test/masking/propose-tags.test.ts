import { describe, expect, it } from 'vitest';
import type { SampledColumn } from '../../src/contract/masking-policy.js';
import { createLooksLike, proposeTags } from '../../src/masking/index.js';

const looksLike = createLooksLike();

function sampled(column: string, values: readonly string[], type = 'text'): SampledColumn {
  const counts = new Map<string, { whole: number; within: number }>();
  let holding = 0;
  for (const value of values) {
    const found = looksLike(column, value);
    if (found.length > 0) holding++;
    for (const each of found) {
      const count = counts.get(each.class) ?? { whole: 0, within: 0 };
      if (each.whole) count.whole++;
      else count.within++;
      counts.set(each.class, count);
    }
  }
  return { relation: ['s', 't'], column, type, values: values.length, holding, found: [...counts].map(([name, count]) => ({ class: name, ...count })) };
}
const proposal = (column: string, values: readonly string[]) => proposeTags([sampled(column, values)])[0] ?? null;
const times = (count: number, value: (index: number) => string): string[] => Array.from({ length: count }, (_, index) => value(index));

describe('a proposal', () => {
  it('rests on values, and more so where the name agrees', () => {
    const values = times(50, (index) => `77${(index % 9) + 1}-4${index % 10}-${1000 + index}`);
    const anywhere = proposal('x', values);
    expect(anywhere).toMatchObject({ column: 's.t.x', class: 'ssn', why: '50 of 50 values look like it' });
    const named = proposal('customerSSN', values);
    expect(named).toMatchObject({ column: 's.t."customerSSN"', class: 'ssn' });
    expect(named?.confidence).toBeGreaterThan(anywhere?.confidence ?? 1);
  });

  it('rests on bare digits only where the name says what they are', () => {
    const values = times(50, (index) => `77${(index % 9) + 1}4${index % 10}${1000 + index}`);
    expect(proposal('ssn', values)).toMatchObject({ class: 'ssn' });
    expect(proposal('order_no', values)).toBeNull();
  });

  it('rests on the name alone where values say nothing, and says so', () => {
    expect(
      proposal(
        'last_name',
        times(20, (index) => `Person ${index}`),
      ),
    ).toMatchObject({ class: 'name', why: 'its name says so' });
    expect(proposal('email', [])).toMatchObject({ class: 'email', why: 'its name says so; it holds no values' });
    expect(
      proposal(
        'email',
        times(20, () => 'n/a'),
      ),
    ).toMatchObject({ class: 'email', why: 'its name says so; of 20 values few look like it' });
  });

  it('calls text that people write such things into free text', () => {
    const values = times(40, (index) => (index % 4 === 0 ? `please write to ada${index}@bank.test about it` : 'nothing to see'));
    expect(proposal('comment', values)).toMatchObject({ class: 'free_text', why: '10 of 40 values hold email within other text' });
  });

  it('is not made of identifiers, times, hashes and amounts', () => {
    expect(
      proposal(
        'uid',
        times(50, (index) => `3f2b8c1e-1234-4abc-8def-${String(100_000_000_000 + index)}`),
      ),
    ).toBeNull();
    expect(
      proposal(
        'created',
        times(50, (index) => `2026-03-${String((index % 28) + 1).padStart(2, '0')} 12:34:56.789012`),
      ),
    ).toBeNull();
    expect(
      proposal(
        'digest',
        times(50, (index) => `d41d8cd98f00b204e9800998ecf8${String(1000 + index)}`),
      ),
    ).toBeNull();
    expect(
      proposal(
        'amount',
        times(50, (index) => `${1_000_000 + index * 17}.${String(index).padStart(2, '0')}`),
      ),
    ).toBeNull();
  });
});
