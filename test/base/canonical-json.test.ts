import { expect, test } from 'vitest';
import { canonicalJson } from '../../src/base/canonical-json.js';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../policy/fixture-protocols.js';

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
