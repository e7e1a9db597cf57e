/** Transforms: what each treatment makes of each class and kind, and what none of them ever lets through. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { TREATMENTS, type Treatment, type ValueKind } from '../../src/contract/masking.js';
import { createTokenKeys, createTransform, isToken, mintedBy, recogniseMasked, type TransformOptions, tokenMakers } from '../../src/masking/index.js';
import { MacKey } from '../../src/masking/mac-key.js';
import { fc } from '../support/fast-check.js';

const secret = (fill: number): Secret<Uint8Array> => new Secret(new Uint8Array(32).fill(fill));
const key = createTokenKeys([{ id: 1, secret: secret(1) }]);
/** 26 November 2026. */
const clock = { now: () => Date.UTC(2026, 10, 26), monotonic: () => 0 };
const KINDS: readonly ValueKind[] = ['text', 'integer', 'decimal', 'date', 'timestamp', 'boolean', 'uuid', 'json', 'bytes', 'other'];
const CLASSES = ['ssn', 'itin', 'pan', 'iban', 'email', 'phone', 'account', 'aba', 'ein', 'name', 'ip', 'zip', 'dob', 'secret', 'track', 'cvv', 'salary'];

function show(value: string, treatment: Treatment, dataClass: string, kind: ValueKind = 'text', more: Partial<TransformOptions> = {}): string | null {
  const shown = createTransform({ treatment, class: dataClass, kind, key, clock, ...more })(Buffer.from(value));
  return shown === null ? null : Buffer.from(shown).toString('utf8');
}

describe('clear, null, mask', () => {
  it('gives clear values as they came, the same bytes', () => {
    const value = Buffer.from('536-90-4399');
    expect(createTransform({ treatment: 'clear', class: 'ssn', kind: 'text', key, clock })(value)).toBe(value);
  });

  it('gives null for null, whatever the kind', () => {
    for (const kind of KINDS) expect(show('x', 'null', 'ssn', kind)).toBeNull();
  });

  it('masks every text as the same four stars, the empty one too', () => {
    for (const value of ['', 'a', '536-90-4399', 'x'.repeat(10_000)]) expect(show(value, 'mask', 'ssn')).toBe('****');
  });

  it.each([...KINDS])('keeps a value of kind %s valid when it is masked', (kind) => {
    expect(show('1', 'mask', 'salary', kind)).toBe(kind === 'text' ? '****' : kind === 'json' ? '"****"' : null);
  });
});

describe('partial', () => {
  it.each([
    ['ssn', '536-90-4399', '***-**-4399'],
    ['ssn', '536904399', '***-**-4399'],
    ['ssn', '536 90 4399', '***-**-4399'],
    ['ssn', '５３６-９０-４３９９', '***-**-4399'],
    ['ssn', '536\u200b-90-\u200b4399', '***-**-4399'],
    ['ssn', '53690439', '****'],
    ['ssn', 'unknown', '****'],
    ['ssn', '536-90-4399 (old: 536-90-4398)', '****'],
    ['itin', '912-70-1234', '***-**-1234'],
    ['pan', '4111111111111111', '****1111'],
    ['pan', '4111 1111 1111 1112', '****1112'],
    ['pan', '411111111111', '****'],
    ['iban', 'DE89 3704 0044 0532 0130 00', '****3000'],
    ['account', '000123456789', '****6789'],
    ['account', '12345678', '****78'],
    ['account', '12', '****'],
    ['aba', '021000021', '****021'],
    ['phone', '+1 (212) 555-0123', '****0123'],
    ['phone', '2125550123', '****0123'],
    ['phone', '5550123', '****23'],
    ['email', 'ada@example.com', 'a***@example.com'],
    ['email', 'ad@example.com', '***@example.com'],
    ['email', 'ada@localhost', '****'],
    ['email', 'ada@bob@example.com', '****'],
    ['name', 'Ada Lovelace', 'A***'],
    ['name', 'Élodie', 'É***'],
    ['name', 'Al', '****'],
    ['name', '李小龙', '****'],
    ['salary', 'ninety thousand', '****'],
    ['cvv', '123', '****'],
    ['track', '%B4111111111111111^DOE/J^3012101?', '****'],
  ])('%s %s ⇒ %s', (dataClass, value, shown) => {
    expect(show(value, 'partial', dataClass)).toBe(shown);
  });

  it.each([
    ['ssn', '536-90-4399', '***-**-4399'],
    ['ssn', '536904399', '*****4399'],
    ['pan', '4111-1111-1111-1111', '****-****-****-1111'],
    ['pan', '3782 822463 10005', '**** ****** *0005'],
    ['iban', 'DE89 3704 0044 0532 0130 00', '**** **** **** **** **30 00'],
    ['phone', '(212) 555-0123', '(***) ***-0123'],
    ['email', 'ada.lovelace@example.com', 'a***********@example.com'],
    ['name', 'Ada Lovelace', 'A** ********'],
  ])('%s %s keeps length and separators where asked: %s', (dataClass, value, shown) => {
    expect(show(value, 'partial', dataClass, 'text', { keepLength: true })).toBe(shown);
    expect(shown).toHaveLength(value.length);
  });

  it('keeps the BIN of a card where asked', () => {
    expect(show('4111111111111111', 'partial', 'pan', 'text', { showBin: true })).toBe('411111******1111');
    expect(show('4111 1111 1111 1111', 'partial', 'pan', 'text', { showBin: true, keepLength: true })).toBe('4111 11** **** 1111');
  });

  it.each([
    ['ssn', '536904399', '4399'],
    ['ssn', '36900099', null],
    ['pan', '4111111111110012', '12'],
    ['account', '123456789012', '9012'],
    ['account', '12345678', null],
    ['salary', '123456789012', null],
  ])('integer %s %s ⇒ %s', (dataClass, value, shown) => {
    expect(show(value, 'partial', dataClass, 'integer')).toBe(shown);
  });

  it('has no partial form for kinds that could not hold it', () => {
    for (const kind of KINDS.filter((each) => each !== 'text' && each !== 'integer' && each !== 'json')) expect(show('1', 'partial', 'ssn', kind)).toBeNull();
    expect(show('"536-90-4399"', 'partial', 'ssn', 'json')).toBe('"****"');
  });
});

describe('generalise', () => {
  it.each([
    ['date', 'hired', '2019-07-23', '2019-01-01'],
    ['date', 'hired', 'infinity', null],
    ['date', 'hired', '0044-03-15 BC', '0044-01-01 BC'],
    ['date', 'dob', '1985-07-23', '1985-01-01'],
    ['date', 'dob', '1937-01-02', '1937-01-01'],
    ['date', 'dob', '1936-12-31', '1936-01-01'],
    ['date', 'dob', '1921-05-05', '1936-01-01'],
    ['date', 'dob', '0044-03-15 BC', '1936-01-01'],
    ['date', 'dob', '23/07/1985', null],
    ['timestamp', 'seen', '2019-07-23 12:34:56.789+02', '2019-01-01 00:00:00.000+02'],
    ['timestamp', 'seen', '2019-07-23T12:34:56Z', '2019-01-01T00:00:00Z'],
    ['timestamp', 'seen', '2019-07-23 secret', null],
    ['integer', 'salary', '87654', '90000'],
    ['integer', 'salary', '-1234', '-1000'],
    ['integer', 'salary', '7', '0'],
    ['integer', 'salary', '9876', '10000'],
    ['integer', 'salary', '9223372036854775807', '9000000000000000000'],
    ['decimal', 'salary', '87654.32', '90000.00'],
    ['decimal', 'salary', '0.25', '0.00'],
    ['decimal', 'salary', '1.5e+20', '2e+20'],
    ['decimal', 'salary', '9.6e+3', '1e+4'],
    ['decimal', 'salary', '1.7976931348623157e+308', null],
    ['decimal', 'salary', '3e-05', '0'],
    ['decimal', 'salary', 'NaN', null],
    ['decimal', 'salary', '-Infinity', null],
    ['text', 'ip', '203.0.113.45', '203.0.113.0/24'],
    ['other', 'ip', '203.0.113.45/32', '203.0.113.0/24'],
    ['text', 'ip', '2001:db8:1:2::7', '2001:db8:1::/48'],
    ['text', 'ip', '::1', '::/48'],
    ['text', 'ip', '203.0.113.456', '****'],
    ['other', 'ip', 'host', null],
    ['text', 'zip', '94110', '941**'],
    ['text', 'zip', '94110-1234', '941**'],
    ['text', 'zip', '03601', '000**'],
    ['text', 'zip', 'SW1A 1AA', '****'],
    ['text', 'dob', '1985-07-23', '1985-01-01'],
    ['text', 'name', 'Ada', '****'],
    ['uuid', 'name', 'b7f8a3c2-0000-4000-8000-000000000000', null],
    ['json', 'name', '{"a":1}', '"****"'],
  ] as const)('%s %s %s ⇒ %s', (kind, dataClass, value, shown) => {
    expect(show(value, 'generalise', dataClass, kind)).toBe(shown);
  });
});

describe('tokens', () => {
  it('are the same for the same value and class, and another for each other one', () => {
    const first = show('536-90-4399', 'token', 'ssn');
    expect(first).toMatch(/^tok_ssn_[a-z2-7]{26}$/);
    expect(show('536-90-4399', 'token', 'ssn')).toBe(first);
    expect(show('536-90-4398', 'token', 'ssn')).not.toBe(first);
    expect(show('536-90-4399', 'token', 'account')?.slice(-26)).not.toBe(first?.slice(-26));
  });

  it('are these, for ever: a change would break every join with what was handed out before', () => {
    expect(show('536-90-4399', 'token', 'ssn')).toMatchInlineSnapshot(`"tok_ssn_aeab52zzuokdnuwqriphlykgiq"`);
    expect(show('536904399', 'token', 'ssn', 'integer')).toMatchInlineSnapshot(`"-1599893199"`);
    expect(show('536904399', 'token', 'ssn', 'integer', { integerBits: 64 })).toMatchInlineSnapshot(`"-6871488965622831677"`);
    expect(show('b7f8a3c2-0000-4000-8000-000000000000', 'token', 'customer_id', 'uuid')).toMatchInlineSnapshot(`"677701ee-e42f-8f94-8886-5217eb5f1c4f"`);
  });

  it('are HMAC-SHA-256, whatever the length of key and value', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 3000 }),
        (secret, head, value) => {
          expect(new MacKey(secret).mac(head, value)).toEqual(createHmac('sha256', secret).update(head).update(value).digest());
        },
      ),
    );
  });

  it('change with the key, are written with the newest and recognised with all', () => {
    const old = show('536-90-4399', 'token', 'ssn') ?? '';
    const rotated = createTokenKeys([
      { id: 2, secret: secret(2) },
      { id: 1, secret: secret(1) },
    ]);
    const fresh = show('536-90-4399', 'token', 'ssn', 'text', { key: rotated }) ?? '';
    expect(fresh).not.toBe(old);
    expect([mintedBy(rotated, old), mintedBy(rotated, fresh), mintedBy(key, old), mintedBy(key, fresh)]).toEqual([1, 2, 1, null]);
  });

  it('match the value that they were made of, under the key that made them, and no other', () => {
    const value = Buffer.from('536-90-4399');
    const rotated = createTokenKeys([
      { id: 2, secret: secret(2) },
      { id: 1, secret: secret(1) },
    ]);
    const token = show('536-90-4399', 'token', 'ssn') ?? '';
    expect(tokenMakers(rotated, 'ssn', 'text', 64, token)[0]?.make(value)).toBe(token);
    expect(tokenMakers(rotated, 'ssn', 'text', 64, token)[0]?.make(Buffer.from('536-90-4398'))).not.toBe(token);
    const alone = createTokenKeys([{ id: 1, secret: secret(2) }]);
    for (const [keys, dataClass, kind, text] of [
      [alone, 'ssn', 'text', token],
      [rotated, 'account', 'text', token],
      [rotated, 'ss', 'text', token],
      [rotated, 'ssn', 'integer', token],
      [rotated, 'ssn', 'uuid', token],
      [rotated, 'ssn', 'json', token],
      [rotated, 'ssn', 'text', `${token}a`],
      [rotated, 'ssn', 'integer', '-5'],
    ] as const)
      expect(tokenMakers(keys, dataClass, kind, 64, text)).toEqual([]);
    for (const [kind, plain] of [
      ['integer', '123456789'],
      ['uuid', '3f2b8c1e-0000-4000-8000-00000000beef'],
    ] as const) {
      const made = show(plain, 'token', 'ssn', kind, { integerBits: 64 }) ?? '';
      const [maker] = tokenMakers(key, 'ssn', kind, 64, made.toUpperCase());
      expect([maker?.make(Buffer.from(plain)) === maker?.token, maker?.make(Buffer.from('1')) === maker?.token]).toEqual([true, false]);
    }
  });

  it('are told from text that only looks like one', () => {
    const token = show('536-90-4399', 'token', 'ssn') ?? '';
    const forged = token.slice(0, -4) + (token.at(-4) === 'a' ? 'b' : 'a') + token.slice(-3);
    expect(isToken(forged)).toBe(true);
    expect(mintedBy(key, forged)).toBeNull();
    expect(mintedBy(key, token.replace('tok_ssn', 'tok_pan'))).toBeNull();
    for (const text of ['', 'tok_', token.slice(1), token.slice(0, -1), `${token}a`, token.toUpperCase(), 'tok__aaaaaaaaaaaaaaaaaaaaaaaaaa']) {
      expect([text, isToken(text), mintedBy(key, text)]).toEqual([text, false, null]);
    }
  });

  it('of integers lie in the reserved range of their width, those of 16 bits are null', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        const narrow = BigInt(show(String(value), 'token', 'account', 'integer') ?? '');
        const wide = BigInt(show(String(value), 'token', 'account', 'integer', { integerBits: 64 }) ?? '');
        expect(narrow >= -(2n ** 31n) && narrow < -(2n ** 30n)).toBe(true);
        expect(wide >= -(2n ** 63n) && wide < -(2n ** 62n)).toBe(true);
        expect(show(String(value), 'token', 'account', 'integer', { integerBits: 16 })).toBeNull();
      }),
    );
  });

  it('of UUIDs are UUIDs of version 8, of JSON a JSON string, of all other kinds null', () => {
    expect(show('b7f8a3c2-0000-4000-8000-000000000000', 'token', 'id', 'uuid')).toMatch(
      /^6777[0-9a-f]{4}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(isToken(JSON.parse(show('{"a":1}', 'token', 'id', 'json') ?? '') as string)).toBe(true);
    for (const kind of ['decimal', 'date', 'timestamp', 'boolean', 'bytes', 'other'] as const) expect(show('1', 'token', 'id', kind)).toBeNull();
  });

  it('need a key ring: keys that are missing, short, or named twice are refused', () => {
    const wrong = [[], [{ id: 1, secret: new Secret(new Uint8Array(31)) }], [{ id: 256, secret: secret(1) }], [1, 1].map((id) => ({ id, secret: secret(1) }))];
    for (const keys of wrong) expect(() => createTokenKeys(keys)).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  });

  it('need a class name that can stand in them', () => {
    for (const name of ['', 'SSN', '1a', '_a', 'a-b', 'a\0b', 'x'.repeat(41)]) expect(() => show('1', 'token', name)).toThrow('class name');
  });
});

describe('recogniseMasked', () => {
  it.each([
    ['****', 'mask'],
    ['"****"', 'mask'],
    ['***-**-1234', 'partial'],
    ['*****4399', 'partial'],
    ['a***@example.com', 'partial'],
    ['****1111', 'partial'],
    ['411111******1111', 'partial'],
    ['A** ********', 'partial'],
    ['B**', 'partial'],
    ['A* **', 'partial'],
    ['941**', 'partial'],
    ['call ***-**-1234 back', 'partial'],
    ['customer tok_ssn_abcdefghijklmnopqrstuvwxyz, 2024', 'token'],
    ['tok_bank_account_abcdefghijklmnopqrstuvwxyz', 'token'],
    ['', null],
    ['536-90-4399', null],
    ['a * b ** c', null],
    ['**bold**', null],
    ['tok_', null],
    ['ada@example.com', null],
  ] as const)('%s ⇒ %s', (text, form) => {
    expect(recogniseMasked(text)).toBe(form);
  });

  it('knows integer and UUID tokens by their ranges', () => {
    expect(recogniseMasked(show('5', 'token', 'account', 'integer') ?? '', 'integer')).toBe('token');
    expect(recogniseMasked(show('5', 'token', 'account', 'uuid') ?? '', 'uuid')).toBe('token');
    for (const plain of ['0', '-5', '-1073741824', '-2147483649', '4000000000', '', '-x']) expect(recogniseMasked(plain, 'integer')).toBeNull();
    expect(recogniseMasked('b7f8a3c2-0000-4000-8000-000000000000', 'uuid')).toBeNull();
    expect(recogniseMasked('not-a-uuid', 'uuid')).toBeNull();
  });

  it('recognises every text that mask, partial and token make', () => {
    const text = fc.oneof(fc.string(), fc.emailAddress(), fc.stringMatching(/^[0-9]{3,19}$/), fc.stringMatching(/^[A-Z][a-z]{0,3}([ -][A-Z][a-z]{0,3})?$/));
    const treatment = fc.constantFrom('mask', 'partial', 'token' as const);
    fc.assert(
      fc.property(text, treatment, fc.constantFrom(...CLASSES), fc.boolean(), (value, how, dataClass, keepLength) => {
        expect(recogniseMasked(show(value, how as Treatment, dataClass, 'text', { keepLength }) ?? '')).not.toBeNull();
      }),
      { numRuns: 3000 },
    );
  });
});

describe('no transform', () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.string().map(Buffer.from), fc.stringMatching(/^[-0-9 .:+TZe]{5,30}$/).map(Buffer.from));
  const options = { treatment: fc.constantFrom(...TREATMENTS), dataClass: fc.constantFrom(...CLASSES), kind: fc.constantFrom(...KINDS) };

  it('throws, whatever the bytes, or gives the input object for anything but clear, or differs between calls', () => {
    fc.assert(
      fc.property(bytes, options.treatment, options.dataClass, options.kind, fc.boolean(), (value, treatment, dataClass, kind, keepLength) => {
        const transform = createTransform({ treatment, class: dataClass, kind, key, clock, keepLength, showBin: keepLength });
        const before = Buffer.from(value).toString('hex');
        const shown = transform(value);
        expect(shown === value).toBe(treatment === 'clear');
        expect(transform(value)).toEqual(shown);
        expect(Buffer.from(value).toString('hex')).toBe(before);
      }),
      { numRuns: 5000 },
    );
  });

  it('writes another form in the place of a value than it makes of it, or beside it', () => {
    const digits = fc.stringMatching(/^[0-9]{3}[-0-9][0-9]{2}[-0-9][0-9]{4}$|^[0-9]{9,20}$/).map(Buffer.from);
    fc.assert(
      fc.property(fc.oneof(bytes, digits), options.dataClass, (value, dataClass) => {
        const transform = createTransform({ treatment: 'partial', class: dataClass, kind: 'text', key, clock });
        const memory = Buffer.concat([Buffer.from('before'), value, Buffer.from('after')]);
        const length = transform.inPlace?.(memory, 6, 6 + value.length) ?? -1;
        if (length < 0) expect(memory).toEqual(Buffer.concat([Buffer.from('before'), value, Buffer.from('after')]));
        else {
          expect(length).toBeLessThanOrEqual(value.length);
          expect(memory.subarray(6, 6 + length)).toEqual(Buffer.from(transform(value) ?? ''));
        }
        expect([memory.toString('latin1', 0, 6), memory.toString('latin1', 6 + value.length)]).toEqual(['before', 'after']);
      }),
      { numRuns: 5000 },
    );
    // Otherwise the property above says nothing.
    const ssn = createTransform({ treatment: 'partial', class: 'ssn', kind: 'text', key, clock });
    expect(ssn.inPlace?.(Buffer.from('536-90-4399'), 0, 11)).toBe(11);
    const pan = createTransform({ treatment: 'partial', class: 'pan', kind: 'text', key, clock });
    expect(pan.inPlace?.(Buffer.from('4111111111111111'), 0, 16)).toBe(8);
  });

  it('lets five letters or digits in a row of the value through, but for the domain of an e-mail address', () => {
    const value = fc.oneof(fc.stringMatching(/^[1-9][0-9]{5,29}$/), fc.stringMatching(/^[A-Za-z][A-Za-z0-9 .-]{6,40}$/), fc.uuid(), fc.emailAddress());
    const hiding = fc.constantFrom('mask', 'partial', 'token' as const);
    fc.assert(
      fc.property(value, hiding, options.dataClass, options.kind, fc.boolean(), (text, treatment, dataClass, kind, keepLength) => {
        // Hexadecimal and decimal tokens share five characters with their value by chance, once in a thousand.
        fc.pre(treatment !== 'token' || (kind !== 'uuid' && kind !== 'integer'));
        const symbols = (from: string): string => from.replace(/[^A-Za-z0-9]/g, '');
        const shown = symbols(show(text, treatment as Treatment, dataClass, kind, { keepLength }) ?? '');
        const hidden = symbols(dataClass === 'email' && treatment === 'partial' ? text.slice(0, text.indexOf('@') + 1) : text);
        for (let at = 0; at + 5 <= hidden.length; at++) expect(shown).not.toContain(hidden.slice(at, at + 5));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('the usual forms of numbers', () => {
  it.each([
    ['ssn', '536-90-4399', '***-**-4399'],
    ['ssn', '536904399', '***-**-4399'],
    ['itin', '900-70-1234', '***-**-1234'],
    ['pan', '4111111111111111', '****1111'],
    ['pan', '30569309025904', '****5904'],
    // Not quite: read as any other text.
    ['ssn', '536-9044399', '****'],
    ['ssn', '536 90 4399', '***-**-4399'],
    ['ssn', '53690439', '****'],
    ['ssn', '536-90-439x', '****'],
    ['pan', '4111 1111 1111 1111', '****1111'],
    ['pan', '411111111111', '****'],
    ['account', '000123456789', '****6789'],
  ])('%s %s', (name, value, expected) => {
    const transform = createTransform({ treatment: 'partial', class: name, kind: 'text', key, clock });
    expect(Buffer.from(transform(Buffer.from(value)) ?? []).toString()).toBe(expected);
    expect(Buffer.from(transform(Buffer.from(value)) ?? []).toString()).toBe(expected);
  });
});
