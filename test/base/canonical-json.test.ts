import { describe, expect, it, test } from 'vitest';
import { canonicalJson, isCanonicalJson } from '../../src/base/canonical-json.js';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../policy/fixture-protocols.js';
import { fc } from '../support/fast-check.js';

test('keys are sorted by code unit, absent ones left out (vector in the manner of RFC 8785, section 3.2.3)', () => {
  const value = { '\u20ac': 'Euro', '\r': 'CR', '1': 'One', '\u{1f600}': 'Smile', '\u00f6': 'o', a: undefined, n: [1e21, 0.1, -0, { b: 1, a: null }] };
  expect(canonicalJson(value)).toBe('{"\\r":"CR","1":"One","n":[1e+21,0.1,0,{"a":null,"b":1}],"ö":"o","€":"Euro","😀":"Smile"}');
});

const text = 'version: 1\nrules:\n  - { id: a, effect: deny, actions: [drop] }\n';

test('the digest names the content: layout and comments do not count, everything else does', () => {
  const digest = (body: string, path = 'p.yaml'): string => loadPolicy([{ path, text: body }], protocols).digest;
  const same = '# a comment\nrules:\n- actions:\n  - drop\n  effect: deny\n  id: a\nversion: 1\n';
  expect(digest(same)).toBe(digest(text));
  expect(digest(text, 'elsewhere/p.yml')).toBe(digest(text));
  for (const other of [text.replace('drop', 'select'), text.replace('id: a', 'id: b'), `${text}description: x\n`]) expect(digest(other)).not.toBe(digest(text));
  expect(digest(text, 'q.yaml')).not.toBe(digest(text));
});

test('the digest of a given policy never changes: journals of released versions name it', () => {
  const policy = loadPolicy([{ path: 'p.yaml', text }], protocols);
  expect(policy.canonical).toBe(
    '{"files":[{"policy":{"rules":[{"actions":["drop"],"effect":"deny","id":"a"}],"version":1},"stem":"p"}],"format":"gw-policy/1"}',
  );
  expect(policy.digest).toBe('sha256:bf4e674533a26791651f590ded86b0f4c3f528c60f212077984497441a7db9a0');
  expect(policy.sources).toEqual([{ path: 'p.yaml', text }]);
});

describe('whether a text is canonical', () => {
  const definitely = (text: string): boolean => canonicalJson(JSON.parse(text)) === text;
  const judged = (text: string): boolean => isCanonicalJson(text, JSON.parse(text));

  it.each([
    ['{}', true],
    ['[]', true],
    ['{"a":1,"b":[{"x":{},"y":[]},-12,0,null,true,false,"z"]}', true],
    ['{"10":1,"9":2}', true],
    ['{"9":1,"10":2}', false],
    ['{"a":1,"a":2}', false],
    ['{"a":1,"a":1}', false],
    ['{"b":1,"a":2}', false],
    ['{"a":{"d":1,"c":2}}', false],
    ['[{"a":1},{"a":1}]', true],
    ['{"a":[{"z":1}],"b":1}', true],
    ['{"ab":1,"a":1}', false],
    ['{"a":1,"ab":1}', true],
    ['{"":1,"a":1}', true],
    ['{"a": 1}', false],
    ['{"a":1}\n', false],
    ['[1.0]', false],
    ['[1.5]', true],
    ['[1e2]', false],
    ['[1E2]', false],
    ['[1e+21]', true],
    ['[-0]', false],
    ['[-1]', true],
    ['[9007199254740993]', false],
    ['[100000000000000000000]', true],
    ['[1000000000000000000000]', false],
    ['["\\u0041"]', false],
    ['["\\n"]', true],
    ['["\\u000a"]', false],
    ['["\\/"]', false],
    ['{"__proto__":1,"a":2}', true],
    ['"\u2028"', true],
    ['{"\u20ac":1,"\ufb33":2}', true],
    ['{"\ufb33":1,"\u20ac":2}', false],
  ])('%s: %s', (text, canonical) => {
    expect([text, judged(text), definitely(text)]).toEqual([text, canonical, canonical]);
  });

  it('is what writing the value anew says, for any value and any layout', () => {
    const small = fc.jsonValue({ maxDepth: 4, stringUnit: fc.constantFrom('a', 'b', '1', '"', '\\', '\n', ' ', 'é', '€', '😀', ',', ':', '{', ']') });
    fc.assert(
      fc.property(small, fc.array(fc.tuple(fc.nat(), fc.constantFrom(' ', '0', '.0', '-', ',', '"', 'e1', '\\u0061'))), (value, insertions) => {
        let text = canonicalJson(value);
        expect(judged(text)).toBe(true);
        for (const [place, what] of insertions) {
          const at = place % (text.length + 1);
          const changed = text.slice(0, at) + what + text.slice(at);
          // Half a character comes out of no UTF-8.
          if (Buffer.from(changed).toString() !== changed) continue;
          try {
            JSON.parse(changed);
          } catch {
            continue;
          }
          text = changed;
          expect(judged(text)).toBe(definitely(text));
        }
        expect(judged(JSON.stringify(value))).toBe(definitely(JSON.stringify(value)));
        expect(judged(JSON.stringify(value, null, 1))).toBe(definitely(JSON.stringify(value, null, 1)));
      }),
      { numRuns: 3_000 },
    );
  });
});
