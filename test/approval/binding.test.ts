import { describe, expect, it } from 'vitest';
import { type Bound, bindingDigest } from '../../src/approval/binding.js';
import { fc } from '../support/fast-check.js';

const base: Bound = {
  kind: 'operation',
  requester: { issuer: 'https://login.test', subject: 'sub-alice' },
  onBehalfOf: null,
  target: 'bank-db',
  account: null,
  scope: 'bank',
  statement: Buffer.from('delete from t where id = 1'),
  parameters: null,
  policy: 'sha256:1',
  grantMs: null,
  occasion: null,
  changed: null,
  clears: [],
};
const terms = { rules: ['p/a'], groups: ['dba'], unapproved: 'refused' } as const;
const found = (...columns: string[]): Bound['clears'] => clears(...columns).map((each) => ({ ...each, detected: true }));
const clears = (...columns: string[]): Bound['clears'] => columns.map((column) => ({ column: column.split('.'), class: 'ssn', terms }));

const text = fc.string({ maxLength: 6 });
const party = fc.record({ issuer: text, subject: text });
const cleared = (more: { readonly detected?: true }): fc.Arbitrary<Bound['clears']> =>
  fc.array(
    fc.record({ column: fc.array(text, { minLength: 1, maxLength: 3 }), class: text, terms: fc.constant(terms) }).map((each) => ({ ...each, ...more })),
    { maxLength: 2 },
  );
const bound: fc.Arbitrary<Bound> = fc.record({
  kind: fc.constantFrom('operation', 'connect', 'access', 'break_glass'),
  requester: party,
  onBehalfOf: fc.option(party),
  target: text,
  account: fc.option(text),
  scope: fc.option(text),
  statement: fc.option(fc.uint8Array({ maxLength: 8 })),
  parameters: fc.option(
    fc.array(fc.record({ type: fc.option(text), form: fc.constantFrom('text', 'hex', 'null'), value: text }), { minLength: 1, maxLength: 3 }),
  ),
  policy: text,
  grantMs: fc.option(fc.nat()),
  occasion: fc.option(text),
  changed: fc.option(fc.record({ rows: fc.nat(), words: text })),
  // What is found without a tag is bound behind the rest.
  clears: fc.tuple(cleared({}), cleared({ detected: true })).map((lists) => lists.flat()),
});

const plain = (value: Bound): unknown => ({ ...value, statement: value.statement === null ? null : Buffer.from(value.statement).toString('hex') });

describe('the binding', () => {
  it('is equal exactly when everything that it covers is equal', () => {
    fc.assert(
      fc.property(bound, bound, (a, b) => {
        const same = JSON.stringify(plain(a)) === JSON.stringify(plain(b));
        return (bindingDigest(a) === bindingDigest(b)) === same;
      }),
    );
  });

  it('differs when one part differs, however alike the whole looks (defects 32: one line break)', () => {
    const others: Bound[] = [
      { ...base, statement: Buffer.from('delete from t where id = 1\n') },
      { ...base, statement: Buffer.from('delete from t --\nwhere id = 1') },
      { ...base, statement: Buffer.from('delete from t -- where id = 1') },
      { ...base, statement: Buffer.from('DELETE from t where id = 1') },
      { ...base, account: 'deploy' },
      { ...base, account: 'root' },
      { ...base, parameters: [{ type: '23', form: 'text', value: '1' }] },
      { ...base, parameters: [{ type: '23', form: 'text', value: '2' }] },
      { ...base, parameters: [{ type: '25', form: 'text', value: '1' }] },
      { ...base, parameters: [{ type: '23', form: 'hex', value: '1' }] },
      { ...base, parameters: [{ type: '23', form: 'null', value: '' }] },
      { ...base, policy: 'sha256:2' },
      { ...base, target: 'bank-db2' },
      { ...base, scope: null },
      { ...base, requester: { issuer: 'https://login.tes', subject: 'tsub-alice' } },
      { ...base, onBehalfOf: { issuer: 'https://login.test', subject: 'sub-carol' } },
      { ...base, grantMs: 3_600_000 },
      { ...base, kind: 'access' },
      { ...base, occasion: 'ses_1 7' },
      { ...base, changed: { rows: 4, words: 'this UPDATE changed 4 rows' } },
      { ...base, changed: { rows: 5, words: 'this UPDATE changed 4 rows' } },
      { ...base, changed: { rows: 4, words: 'this DELETE changed 4 rows' } },
      { ...base, clears: clears('bank.customers.ssn') },
      { ...base, clears: clears('bank.customers.ssn', 'bank.old.ssn') },
      { ...base, clears: clears('bank.customers.ssn').map((each) => ({ ...each, class: 'pan' })) },
      { ...base, clears: clears('bank.custom.ersssn') },
      { ...base, clears: found('bank.customers.ssn') },
      { ...base, clears: found('bank.customers.ssn', 'bank.old.ssn') },
      { ...base, clears: [...clears('bank.customers.ssn'), ...found('bank.old.ssn')] },
    ];
    expect(new Set([base, ...others].map(bindingDigest)).size).toBe(others.length + 1);
  });

  it('takes an empty list of parameters for none', () => {
    expect(bindingDigest({ ...base, parameters: [] })).toBe(bindingDigest(base));
  });

  it('is for ever: a stored approval must still fit after an upgrade', () => {
    expect(bindingDigest(base)).toBe('sha256:43043ca32cbfde9588849a19573bce55e80099ff85bfea52d3dea65a49918218');
    expect(bindingDigest({ ...base, changed: { rows: 4312, words: 'this DELETE changed 4,312 rows in t; limit 100' } })).toBe(
      'sha256:8bcf5f8b1bc129088de5336b9b9e1ceba7e2137905f452f8867c2a0f06bf669f',
    );
    expect(bindingDigest({ ...base, clears: clears('bank.customers.ssn') })).toBe('sha256:bd31a64ed6c2d9a003a2069cca0c1e073f9e4befd73e96c04afad917f99f86d8');
    expect(bindingDigest({ ...base, clears: found('bank.customers.ssn') })).toBe('sha256:3d7dff47873a8f21908a17f133781d8e67be69b466b2d560009a106d63ffeb05');
  });
});
