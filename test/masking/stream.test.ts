/** Streams: the same result however the bytes are cut, and the same as of the whole text. Hostile input: linear work, no exception. */

import { describe, expect, it } from 'vitest';
import { DETECTED_CLASSES } from '../../src/contract/masking.js';
import { createScanner, createStreamMask, Findings, maskFindings } from '../../src/masking/index.js';
import { fc } from '../support/fast-check.js';

const scanner = createScanner(DETECTED_CLASSES);
const findings = new Findings();
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx${'A'.repeat(9000)}.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`;
const PEM = `-----BEGIN PRIVATE KEY-----\n${`${'MIIBOgIBAAJBAK/5a4+'.repeat(3)}\n`.repeat(40)}-----END PRIVATE KEY-----`;

function whole(bytes: Uint8Array): string {
  scanner.scan(bytes, 0, bytes.length, findings);
  return Buffer.from(maskFindings(bytes, findings, {})).toString('latin1');
}

function streamed(pieces: readonly Uint8Array[]): string {
  const stream = createStreamMask(scanner, {});
  // A copy of each result: it is valid until the next call only.
  return [...pieces.map((piece) => Buffer.from(stream.push(piece)).toString('latin1')), Buffer.from(stream.end()).toString('latin1')].join('');
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const edges = [0, ...at.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

/** Parts that values, contexts and confusions are made of. */
const part = fc.oneof(
  fc.constantFrom(
    'SSN ',
    '536-90-4399',
    '536904399',
    '４１１１ 1111 1111 1111',
    '4111111111111111',
    'DE89 3704 0044 0532 0130 00',
    'ada@example.com',
    '@',
    '\\u0035',
  ),
  fc.constantFrom(
    '\n',
    ' ',
    '-',
    '.',
    '(212) 555-0123',
    '+44 20 7946 0958',
    'routing ',
    '021000021',
    'CVV 123',
    '%B4111111111111111^DOE^3012?',
    '\u001b[31m',
    '\u200b',
  ),
  fc.constantFrom(
    'AKIAIOSFODNN7EXAMPLE',
    JWT,
    PEM,
    '-----BEGIN PRIVATE KEY-----\n',
    '-----END PRIVATE KEY-----\n',
    'word word ',
    'order ',
    '\n\n',
    '1985-07-23',
    'born ',
  ),
  fc.string({ maxLength: 8 }),
);
const text = fc.array(part, { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));

describe('stream', () => {
  it('gives the same for any cut', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (bytes, at) => {
        expect(streamed(cut(bytes, at))).toBe(streamed([bytes]));
      }),
      { numRuns: 400 },
    );
  });

  it('gives the same when each byte comes alone', () => {
    const bytes = Buffer.from(`SSN 536904399\n${PEM}\nx ada@example.com\t4111 1111 1111 1111\n卡号４１１１1111 1111 1111 CVV 123 ${JWT} and (212) 555-0123`);
    expect(streamed(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toBe(streamed([bytes]));
    expect(streamed([bytes])).toBe(whole(bytes));
  });

  it('masks what the whole text would have masked, line for line', () => {
    const line = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('').replaceAll('\n', ' ').replaceAll('-----BEGIN', ''));
    // A blank stretch longer than any context, so that no line explains the next.
    const lines = fc.array(line, { maxLength: 6 }).map((each) => Buffer.from(each.map((one) => `${one}${' '.repeat(64)}\n${' '.repeat(64)}`).join('')));
    fc.assert(
      fc.property(lines, (bytes) => {
        expect(streamed([bytes])).toBe(whole(bytes));
      }),
      { numRuns: 400 },
    );
  });

  it('sees the line before as context', () => {
    expect(streamed([Buffer.from('SSN:\n536904399\n')])).toBe('SSN:\n****\n');
  });

  it('holds one line at most: a line without an end goes out in pieces, and no value is cut with it', () => {
    const line = Buffer.from(`${'a 536-90-4399, '.repeat(20_000)}end`);
    const stream = createStreamMask(scanner, {});
    let sent = 0;
    let taken = 0;
    let out = '';
    for (let at = 0; at < line.length; at += 1000) {
      const piece = Buffer.from(stream.push(line.subarray(at, at + 1000))).toString();
      taken += 1000;
      sent += piece.replaceAll('****', '536-90-4399').length;
      out += piece;
      expect(taken - sent).toBeLessThan(70_000);
    }
    out += Buffer.from(stream.end()).toString();
    expect(out).toBe(`${'a ****, '.repeat(20_000)}end`);
    expect(streamed([line])).toBe(out);
  });

  it('takes a private key out to its end, however long its lines, and goes on after it', () => {
    const key = `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(8000)}\n-----END PRIVATE KEY-----`;
    expect(streamed(cut(Buffer.from(`a\n${key}\nb 536-90-4399\n`), [5, 40, 700, 8035]))).toBe('a\n****\nb ****\n');
    expect(streamed([Buffer.from('-----BEGIN PRIVATE KEY-----\nabc')])).toBe('****');
    const endless = streamed([Buffer.from(`-----BEGIN PRIVATE KEY-----\n${'secret line\n'.repeat(4000)}`)]);
    expect(endless.startsWith('****')).toBe(true);
    expect(endless.length).toBeGreaterThan(30_000);
  });

  it('flushes a prompt, keeps a number that may go on, and masks it when it is whole', () => {
    const stream = createStreamMask(scanner, {});
    const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
    expect(show(stream.push(Buffer.from('db=> ')))).toBe('');
    expect(show(stream.flush())).toBe('db=> ');
    expect(show(stream.push(Buffer.from('select 536-90')))).toBe('');
    expect(show(stream.flush())).toBe('select ');
    expect(show(stream.flush())).toBe('');
    expect(show(stream.push(Buffer.from('-4399 as a')))).toBe('');
    expect(show(stream.flush()) + show(stream.push(Buffer.from(';\n')))).toBe('**** as a;\n');
    expect(show(stream.push(Buffer.from('536\u001b[1;')))).toBe('');
    expect(show(stream.flush())).toBe('');
    expect(show(stream.push(Buffer.from('31m-90-4399\n')))).toBe('****\n');
    expect(show(stream.end())).toBe('');
  });
});

describe('hostile input', () => {
  const patterns: readonly (readonly [string, string])[] = [
    ['digits', '1'],
    ['groups of a card', '4111 '],
    ['groups of an SSN', '536-90-'],
    ['nine digits', '536904399 '],
    ['@', '@'],
    ['short addresses', 'a@'],
    ['long locals', `${'a'.repeat(64)}@`],
    ['hosts', 'a@b.'],
    ['beginnings of IBANs', 'DE89 '],
    ['words', 'ssn 536904399 '],
    ['JSON escapes', '\\u0035'],
    ['broken escapes', '\\u003'],
    ['full-width digits', '５'],
    ['zero-width', '5\u200b'],
    ['only zero-width', '\u200b'],
    ['colours', '\u001b[31m5'],
    ['open colours', '\u001b[31'],
    ['tokens', 'eyJa.'],
    ['token heads', ' eyJ'],
    ['keys', '-----BEGIN PRIVATE KEY-----\n'],
    ['key heads', '-----BEGIN '],
    ['tracks', '%B4111111111111111^'],
    ['security codes', 'cvv 12 '],
    ['pluses', '+1'],
  ];

  it.each(patterns)('%s: work is linear, and below a constant for each byte', (_, pattern) => {
    const work = (length: number): number => {
      const bytes = Buffer.alloc(length, pattern);
      const counting = createScanner(DETECTED_CLASSES);
      counting.scan(bytes, 0, length, findings);
      return counting.work;
    };
    const [once, twice] = [work(50_000), work(100_000)];
    expect(twice).toBeLessThanOrEqual(2 * once + 20_000);
    expect(twice / 100_000).toBeLessThan(70);
  });

  it('never throws, and reports findings in order inside of the range', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), text);
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat(), (data, a, b) => {
        const start = a % (data.length + 1);
        const end = start + (b % (data.length - start + 1));
        scanner.scan(data, start, end, findings);
        let last = start;
        for (let i = 0; i < findings.count; i++) {
          expect(findings.start(i)).toBeGreaterThanOrEqual(last);
          expect(findings.end(i)).toBeGreaterThan(findings.start(i));
          last = findings.end(i);
        }
        expect(last).toBeLessThanOrEqual(end);
      }),
      { numRuns: 5000 },
    );
  });
});
