/** Output that is hidden without a terminal: what comes of it does not depend on how its bytes came, and little of it waits. */

import { describe, expect, it } from 'vitest';
import type { ClassView, MaskingView, TextMasks } from '../../../src/contract/masking-policy.js';
import type { Guard } from '../../../src/contract/protocol.js';
import type { Verdict } from '../../../src/contract/verdict.js';
import { explainText } from '../../../src/masking/index.js';
import { OutputMask } from '../../../src/protocols/ssh/output-mask.js';
import { fc } from '../../support/fast-check.js';
import { maskingForTests } from '../../support/masking.js';

const how = (name: string, change: Partial<ClassView>): ClassView => ({
  class: name,
  treatment: 'partial',
  rule: null,
  keepLength: false,
  showBin: false,
  conditions: 'allow',
  detect: true,
  screen: false,
  output: false,
  resolvedBy: null,
  onApproval: null,
  ...change,
});
const classes = [
  how('ssn', { output: true }),
  how('pan', { output: true, treatment: 'mask' }),
  how('email', {}),
  how('secret', { output: true, treatment: 'mask' }),
];
const view: MaskingView = {
  classes,
  hides: true,
  resolvesTokens: false,
  opensDetected: false,
  unknown: how('unknown', {}),
  columnClasses: () => [],
  detectedClasses: () => [],
};
const text = maskingForTests()(view).text;
if (text === null) throw new TypeError('nothing is looked for');
const masks: TextMasks = text;
const verdict = {} as Verdict;

function said(pieces: readonly Buffer[], terminal = false) {
  const counts: Record<string, number> = {};
  const guard = {
    masked: (_, { class: name, treatment }, values) => {
      counts[`${name} ${treatment}`] = (counts[`${name} ${treatment}`] ?? 0) + values;
    },
  } as Pick<Guard, 'masked'> as Guard;
  const mask = new OutputMask(masks, terminal, guard, verdict);
  const shown: Buffer[] = [];
  const recorded: Buffer[] = [];
  let waits = 0;
  let most = 0;
  for (const piece of pieces) {
    const split = mask.take(Buffer.from(piece));
    shown.push(split.shown);
    recorded.push(split.recorded);
    waits += piece.length - split.recorded.length;
    most = Math.max(most, waits);
  }
  const last = mask.end();
  return {
    shown: Buffer.concat([...shown, last.shown]).toString('latin1'),
    recorded: Buffer.concat([...recorded, last.recorded]).toString('latin1'),
    counts,
    most,
  };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((each) => each % (bytes.length + 1)).sort((one, other) => one - other), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

const PEM = `-----BEGIN PRIVATE KEY-----\n${`${'MIIBOgIBAAJBAK/5a4+'.repeat(3)}\n`.repeat(20)}-----END PRIVATE KEY-----`;
const part = fc.oneof(
  fc.constantFrom('536-22-8734', 'SSN 536228734', '4111 1111 1111 1111', '4111-1111-1111-1111', 'ann@example.com', PEM, '\u001b[31m', '\u001b[0m'),
  fc.constantFrom('\n', '\r\n', ' ', ';', ': ', '卡号 ', '\u0000\u0001', 'word ', '-', '7'),
  fc.string({ maxLength: 12 }),
  fc.uint8Array({ maxLength: 20 }),
);
const bytes = fc.array(part, { maxLength: 25 }).map((parts) => Buffer.concat(parts.map((each) => Buffer.from(each as string))));

describe('without a terminal', () => {
  it('any cut gives what the whole gives, to the client, to the record and to who counts', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 15 }), (all, at) => {
        const { most: _, ...whole } = said([all]);
        expect(said(cut(all, at))).toMatchObject(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('bytes that come one by one are hidden as they are together', () => {
    const all = Buffer.from(`ssn 536-22-8734, card 4111 1111 1111 1111\n${PEM}\nann@example.com 536-22-8734`);
    const { most: _, ...whole } = said([all]);
    expect(said(Array.from(all, (_byte, at) => all.subarray(at, at + 1)))).toMatchObject(whole);
    expect(whole.shown).toBe('ssn ***-**-8734, card ****\n****\nann@example.com ***-**-8734');
    expect(whole.counts).toEqual({ 'ssn partial': 2, 'pan mask': 1, 'secret mask': 1, 'email clear': 1 });
  });

  it('of a line without an end 64 KiB wait at most, and all of it comes', () => {
    const line = Buffer.from('plain words, no value. '.repeat(20_000));
    const { shown, most } = said(
      cut(
        line,
        Array.from({ length: 400 }, (_, index) => index * 1_150),
      ),
    );
    expect(shown).toBe(line.toString());
    expect(most).toBeLessThan(80 << 10);
  });

  it('a mask that fails gives nothing any more, also not what waited', () => {
    const broken: TextMasks = {
      ...masks,
      record: () => ({
        push: () => {
          throw new TypeError('broken on purpose');
        },
        flush: () => Buffer.from('clear'),
        end: () => Buffer.from('clear'),
      }),
    };
    const mask = new OutputMask(broken, false, { masked: () => undefined } as Pick<Guard, 'masked'> as Guard, verdict);
    expect(() => mask.take(Buffer.from('536-22-8734'))).toThrow('broken on purpose');
    expect(mask.end()).toEqual({ shown: Buffer.alloc(0), recorded: Buffer.alloc(0) });
  });
});

describe('in words', () => {
  it('it is what the masks do', () => {
    const all = [how('ssn', { output: true, rule: 'p/a' }), how('pan', { screen: true }), how('email', {}), how('iban', { treatment: 'clear', rule: 'p/b' })];
    const rows = explainText({ ...view, classes: [...all, how('phone', { treatment: 'clear' }), how('name', { detect: false })] })?.text;
    expect(rows?.map(({ class: name, terminal, output, record, rule }) => [name, terminal, output, record, rule])).toEqual([
      ['ssn', 'partial', 'partial', 'partial', 'p/a'],
      ['pan', 'partial', 'clear', 'partial', null],
      ['email', 'clear', 'clear', 'partial', null],
      ['iban', 'clear', 'clear', 'mask', 'p/b'],
    ]);
    expect(explainText({ ...view, classes: [] })).toBeNull();
  });
});

describe('on a terminal', () => {
  it('what is hidden without one is hidden, and a prompt does not wait', () => {
    expect(said([Buffer.from('name? ')], true).most).toBe(0);
    expect(said([Buffer.from('ssn 536-2'), Buffer.from('2-8734\r\n')], true).shown).toBe('ssn ***-**-8734\r\n');
  });
});
