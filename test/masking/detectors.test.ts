/** Detectors, case by case: what is found, exactly where, and what stays clear. */

import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { DETECTED_CLASSES } from '../../src/contract/masking.js';
import { createScanner, createTokenKeys, createTransform, Findings, maskFindings } from '../../src/masking/index.js';
import { fc } from '../support/fast-check.js';

const scanner = createScanner(DETECTED_CLASSES);
const findings = new Findings();
const KEYS = createTokenKeys([{ id: 1, secret: new Secret(new Uint8Array(32).fill(7)) }]);
const CLOCK = { now: () => 0, monotonic: () => 0 };

/** The text with each finding as `[class:text]`. */
function marked(text: string): string {
  const bytes = Buffer.from(text);
  scanner.scan(bytes, 0, bytes.length, findings);
  let out = '';
  let at = 0;
  for (let i = 0; i < findings.count; i++) {
    out += bytes.toString('utf8', at, findings.start(i));
    out += `[${findings.classOf(i)}:${bytes.toString('utf8', findings.start(i), findings.end(i))}]`;
    at = findings.end(i);
  }
  return out + bytes.toString('utf8', at);
}

/** `⟦class:` … `⟧` marks what must be found; everything else must stay. */
function holds(expected: string): void {
  const text = expected.replace(/⟦[a-z]+:|⟧/g, '');
  expect(marked(text)).toBe(expected.replaceAll('⟦', '[').replaceAll('⟧', ']'));
}

describe('SSN and ITIN', () => {
  it.each([
    'His number is ⟦ssn:536-90-4399⟧.',
    '⟦ssn:536-90-4399⟧',
    'a ⟦ssn:536 90 4399⟧ b',
    'a ⟦ssn:536.90.4399⟧, b',
    'a ⟦ssn:536 - 90 - 4399⟧ b',
    '⟦ssn:５３６-９０-４３９９⟧',
    '⟦ssn:536‑90‑4399⟧',
    '⟦ssn:536\u00a090\u00a04399⟧',
    '⟦ssn:5\u200b36-90-43\u200b99⟧',
    '{"n":"⟦ssn:\\u0035\\u0033\\u0036-90-4399⟧"}',
    '{"n":"line\\n⟦ssn:536-90-4399⟧\\n"}',
    '\u001b[31m⟦ssn:536-\u001b[1m90-4399⟧\u001b[0m',
    '社保号⟦ssn:536-90-4399⟧。',
    'SSN: ⟦ssn:536904399⟧',
    '{"ssn":"⟦ssn:536904399⟧"}',
    '{"customerSsn": ⟦ssn:536904399⟧}',
    'ssn_number=⟦ssn:536904399⟧&x=1',
    'SSNs: ⟦ssn:536904399⟧, ⟦ssn:536904398⟧',
    'tax_id ⟦ssn:536904399⟧',
    '⟦ssn:536904399⟧ (SSN)',
    'routing (⟦aba:021000021⟧), ⟦ssn:536904399⟧ (ssn)',
    '⟦ssn:536904399⟧ is her SSN, ⟦phone:2125550123⟧ her mobile',
    'ssn⟦ssn:536904399⟧ SSN⟦ssn:536-90-4399⟧',
    'ssn ⟦ssn:536-904399⟧, SSN ⟦ssn:53690 4399⟧',
    '⟦ssn:536 90 4399⟧ ⟦ssn:536 90 4398⟧',
    '⟦ssn:536/90/4399⟧',
    'social security number ⟦ssn:536904399⟧',
    'ITIN ⟦itin:912-70-1234⟧, ATIN ⟦itin:900-93-1234⟧',
    'ITIN ⟦itin:912701234⟧',
    '2024-01-02 ⟦ssn:536-90-4399⟧ 17:03:22',
    '1,⟦ssn:536-90-4399⟧,2\n2,⟦ssn:536-90-4398⟧,3',
  ])('%s', holds);

  it.each([
    '000-12-3456 666-12-3456 912-10-1234 123-00-4567 123-45-0000',
    '078-05-1120, 219-09-9999, 123-45-6789, 987-65-4321, 111-11-1111',
    'a 536904399 b',
    'order 536904399, SSN on file',
    'x536-90-4399 and 536-90-4399x and 536-90-43991 and 1536-90-4399',
    '1-536-90-4399 and 536-90-4399-2 and 536-90 4399',
    'b7f8a3c2-5369-4439-9536-904399000000',
    'sha256 5369043995369043995369043995369043995369043995369043995369043990',
    '0.536904399 SSN',
    'ssn changed on 1/12/2024 10:30, ssn 2024-01-02 03:04:05',
    'order: 536904399, phone: see above',
  ])('stays: %s', holds);
});

describe('cards', () => {
  const published =
    '4111111111111111 4242424242424242 4012888888881881 5555555555554444 5105105105105100 2223003122003222 378282246310005 371449635398431 ' +
    '6011111111111117 6011000990139424 3056930009020004 36227206271667 30569309025904 3566002020360505 3530111333300000 6200000000000005 6205500000000000004';
  it.each(published.split(' '))('%s, published for tests', (number) => {
    holds(`paid with ⟦pan:${number}⟧.`);
  });

  it.each([
    'a ⟦pan:4111 1111 1111 1111⟧ b',
    'a ⟦pan:4111-1111-1111-1111⟧ b',
    'a ⟦pan:4111.1111.1111.1111⟧ b',
    '⟦pan:3782 822463 10005⟧',
    '⟦pan:3782-822463-10005⟧',
    '⟦pan:4111 1111 1111 1111⟧ ⟦pan:5555 5555 5555 4444⟧ 12',
    '12 ⟦pan:4111 1111 1111 1111⟧ 0127',
    '⟦pan:４１１１１１１１１１１１１１１１⟧',
    '⟦pan:4111\u00a01111\u00a01111\u00a01111⟧',
    '{"card":⟦pan:4111111111111111⟧}',
    'id,⟦pan:4111111111111111⟧,x',
    '卡号⟦pan:4111111111111111⟧',
    'card ⟦pan:6200000000000000⟧',
    'Visa⟦pan:4111111111111111⟧',
    'card ⟦pan:411111 1111111111⟧, card no. ⟦pan:4111-11111111 1111⟧',
    '⟦pan:6205 5000 0000 0000 004⟧',
    '⟦pan:4111111111111111⟧ security code ⟦cvv:123⟧',
    '⟦pan:4111111111111111⟧, CVV ⟦cvv:123⟧',
    'cvv2: ⟦cvv:1234⟧',
    '⟦track:%B4111111111111111^DOE/JOHN^30121010000?⟧ x',
    'x⟦track:;4111111111111111=30121010000?⟧x',
  ])('%s', holds);

  it.each([
    '4012888888881882 4111111111111112',
    '1234567812345670',
    '0.4111111111111111 and 4111111111111111.25',
    '94111111111111111 and a4111111111111111 and 4111111111111111b',
    '4111 1111-1111 1111',
    '2024-11-26T09:12:44.411111Z 1732612364411 1732612364411111',
    '9400 1111 4111 1111 1111 1111 22',
    'deadbeef4111111111111111deadbeef',
    'a 6200000000000000 b',
    'cvv and 12345 then; 123 pieces, level 123',
  ])('stays: %s', holds);
});

describe('IBAN', () => {
  it.each([
    'to ⟦iban:DE89370400440532013000⟧.',
    'to ⟦iban:DE89 3704 0044 0532 0130 00⟧, now',
    '⟦iban:GB82 WEST 1234 5698 7654 32⟧',
    '⟦iban:gb82west12345698765432⟧',
    '⟦iban:GB82-WEST-1234-5698-7654-32⟧',
    '⟦iban:NO9386011117947⟧',
    '⟦iban:MT84MALT011000012345MTLCAST001S⟧',
    '⟦iban:ＤＥ８９ 3704 0044 0532 0130 00⟧',
    '{"iban":"⟦iban:\\u0044E89370400440532013000⟧"}',
    '⟦iban:FR1420041010050500013M02606⟧',
  ])('%s', holds);
  it.each(['DE88370400440532013000', 'DE8937040044053201300', 'DE893704004405320130001', 'XDE89370400440532013000', 'ZZ89370400440532013000', 'DE89'])(
    'stays: %s',
    holds,
  );
});

describe('e-mail', () => {
  it.each([
    'write to ⟦email:ada.lovelace+x@example.co.uk⟧.',
    '<⟦email:ada@example.com⟧>',
    'mailto:⟦email:ada@example.com⟧?subject=x',
    '{"m":"⟦email:ada\\u0040example.com⟧"}',
    '⟦email:ada＠example.com⟧',
    '⟦email:josé@exämple.de⟧',
    '⟦email:bob@163.com⟧',
    '⟦email:2125550123@example.com⟧',
    '⟦email:536-90-4399@example.com⟧',
    '"⟦email:a@b.io⟧","⟦email:c@d.org⟧"',
    'ada@⟦email:bob@example.com⟧',
    'user:⟦email:secret@db.example.com⟧:5432',
  ])('%s', holds);
  it.each([
    'user@host and @handle and a@ and @',
    'git@github.com:org/repo.git',
    'logo@2x.png user@1000.service',
    'npm i react@18.2.0-beta.rc @types/node@20.1.2',
    'a.@example.com',
    'a@example..com',
    '@@@@@@',
  ])('stays: %s', holds);
});

describe('telephone', () => {
  it.each([
    'call ⟦phone:212-555-0123⟧ now',
    'call ⟦phone:(212) 555-0123⟧ now',
    '⟦phone:212.555.0123⟧',
    '⟦phone:212 555 0123⟧',
    '⟦phone:+1 212 555 0123⟧',
    '⟦phone:+1 (212) 555-0123⟧',
    '⟦phone:+12125550123⟧',
    '⟦phone:1-212-555-0123⟧',
    'phone: ⟦phone:2125550123⟧',
    'tel ⟦phone:12125550123⟧',
    '⟦phone:+44 20 7946 0958⟧',
    '⟦phone:+44 (0)20 7946 0958⟧',
    '⟦phone:+442079460958⟧',
    '⟦phone:+33 1 42 68 53 00⟧',
    '⟦phone:+49 30 901820⟧',
    '⟦phone:+353 1 679 1977⟧',
  ])('%s', holds);
  it.each([
    '2125550123',
    '112-555-0123 212-155-0123 211-555-0123 212-911-0123',
    '212-555-0123-4 and 9-212-555-0123',
    'offset +0200, +12345678.90, lon +49.12345678',
    '1+442079460958',
    '+2891234567',
    'epoch 1732612364',
    '10.212.555.0123',
  ])('stays: %s', holds);
});

describe('by their words only', () => {
  it.each([
    'routing number ⟦aba:021000021⟧',
    'ABA ⟦aba:121000358⟧, account 12345678',
    'account ⟦aba:021000021⟧/123456789012',
    'EIN ⟦ein:12-3456789⟧',
    'employer id ⟦ein:123456780⟧',
    'DOB ⟦dob:1985-07-23⟧, hired 2019-07-23',
    'born ⟦dob:7/23/1985⟧',
    '{"birthDate":"⟦dob:23.07.1985⟧"}',
    'date_of_birth=⟦dob:19850723⟧',
    'dob ⟦dob:7/23/85⟧',
  ])('%s', holds);
  it.each([
    '021000021',
    'routing 421042111, routing 123400000, aba 000000000',
    '12-3456789',
    'EIN 07-1234567',
    '1985-07-23',
    'born 1985-13-23',
    'DOB 1785-07-23',
  ])('stays: %s', holds);
});

describe('secrets', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
  const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\nabc\n-----END RSA PRIVATE KEY-----';
  it.each([
    'id ⟦secret:AKIAIOSFODNN7EXAMPLE⟧.',
    '⟦secret:ASIAIOSFODNN7EXAMPLE⟧',
    `Bearer ⟦secret:${jwt}⟧ x`,
    `a\n⟦secret:${pem}⟧\nb`,
    `⟦secret:${pem.slice(0, 60)}⟧`,
  ])('%s', holds);
  it.each(['AKIAIOSFODNN7EXAMPL', 'XAKIAIOSFODNN7EXAMPLE', 'eyJhbGciOiJIUzI1NiJ9', '-----BEGIN PUBLIC KEY-----', 'BEGIN PRIVATE KEY'])('stays: %s', holds);
});

describe('scanner', () => {
  it('are masked whatever the room: many values of a class that is rewritten in place', () => {
    // More than is gathered at once, so that what was gathered moves in between.
    const text = Buffer.from('536-90-4399,'.repeat(100_000));
    scanner.scan(text, 0, text.length, findings);
    const transforms = { ssn: createTransform({ treatment: 'partial', class: 'ssn', kind: 'text', key: KEYS, clock: CLOCK }) };
    expect(Buffer.from(maskFindings(text, findings, transforms)).equals(Buffer.from('***-**-4399,'.repeat(100_000)))).toBe(true);
  });

  it('looks for the wanted classes only', () => {
    const text = Buffer.from('536-90-4399 4111111111111111 ada@example.com +442079460958');
    for (const wanted of ['ssn', 'pan', 'email', 'phone'] as const) {
      createScanner([wanted]).scan(text, 0, text.length, findings);
      expect(Array.from({ length: findings.count }, (_, i) => findings.classOf(i))).toEqual([wanted]);
    }
    expect(createScanner([]).scan(text, 0, text.length, findings)).toBe(0);
  });

  it('looks at nothing outside of its range, and reports nothing of the context', () => {
    const text = Buffer.from('SSN 536904399 and 1');
    expect(scanner.scan(text, 4, 13, findings)).toBe(0);
    expect(scanner.scan(text, 4, 13, findings, 0)).toBe(1);
    expect([findings.start(0), findings.end(0)]).toEqual([4, 13]);
    expect(scanner.scan(text, 0, 12, findings)).toBe(0);
    expect(scanner.scan(text, 14, text.length, findings, 0)).toBe(0);
  });

  it('finds the same whether the stretch is looked through at once or byte by byte', () => {
    const word = fc.constantFrom(
      '536-90-4399',
      'ssn 536904399',
      '4111 1111 1111 1111',
      'ada@example.com',
      '\\u0035',
      '５３６-90-4399',
      'BAKIA',
      'x',
      ' ',
      'the note of a clerk. ',
      '\u001b[1m',
      '2024-01-02',
    );
    const text = fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 60 }).map((words) => Buffer.from(words.join('')));
    const [plain, mapped] = [createScanner(DETECTED_CLASSES), createScanner(DETECTED_CLASSES)];
    const listed = (found: Findings): string[] => Array.from({ length: found.count }, (_, at) => `${found.classOf(at)} ${found.start(at)} ${found.end(at)}`);
    fc.assert(
      fc.property(text, fc.nat(1000), fc.nat(1000), (bytes, one, other) => {
        const [from, to] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)];
        mapped.begin(bytes);
        for (const [start, end] of [
          [0, from],
          [from, to],
          [to, bytes.length],
        ] as const) {
          plain.scan(bytes, start, end, findings);
          const expected = listed(findings);
          mapped.scan(bytes, start, end, findings);
          expect(listed(findings)).toEqual(expected);
        }
      }),
      { numRuns: 3000 },
    );
    mapped.end();
  });

  it('keeps all findings when there are many', () => {
    const text = Buffer.from('536-90-4399,'.repeat(1000));
    expect(scanner.scan(text, 0, text.length, findings)).toBe(1000);
    expect(maskFindings(text, findings, {}).toString()).toBe('****,'.repeat(1000));
  });

  it('masks without a copy when there is nothing, takes out what a transform makes null, and masks a class that has no transform', () => {
    const clean = Buffer.from('nothing here');
    scanner.scan(clean, 0, clean.length, findings);
    expect(maskFindings(clean, findings, {}).buffer).toBe(clean.buffer);
    const text = Buffer.from('a 536-90-4399 b ada@example.com c');
    scanner.scan(text, 0, text.length, findings);
    expect(Buffer.from(maskFindings(text, findings, { email: () => null })).toString()).toBe('a **** b  c');
  });
});
