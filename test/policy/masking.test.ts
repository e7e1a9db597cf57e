/** Classes, tags and mask rules: what a file may say, and how an identity sees a column. */
import { describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import type { Identity } from '../../src/contract/identity.js';
import { comparePolicies, loadPolicy, parseFixture, runFixture, TestClock } from '../../src/policy/index.js';
import { identity, protocols } from './fixture-protocols.js';

const target = { name: 'db', protocol: 'sql', labels: { env: 'prod' } };
const load = (text: string) => loadPolicy([{ path: 'p.yaml', text: `version: 1\n${text}` }], protocols);
const problems = (text: string): string => {
  try {
    load(text);
    return '';
  } catch (error) {
    return GwError.from(error).message;
  }
};
const view = (text: string, who: Partial<Identity> = {}, withReason = false, approved = false) =>
  load(text).view(identity(who), target).masking(withReason, approved);
const seen = (text: string, who: Partial<Identity>, column = 's.t.c', withReason = false, approved = false) =>
  view(text, who, withReason, approved)
    ?.columnClasses(column.split('.').slice(0, -1), column.split('.').at(-1) ?? '')
    .map((each) => `${each.class} ${each.treatment} ${each.conditions} ${each.rule ?? '-'}`) ?? null;

const TAGGED = `
classes: { pin: { treatment: partial } }
data: { s.t.c: { class: pin } }
`;

describe('a column', () => {
  it('is shown as its class says, and as gw ships it where nobody says', () => {
    expect(seen(TAGGED, {})).toEqual(['pin partial allow -']);
    expect(seen('data: { s.t.c: { class: ssn } }', {})).toEqual(['ssn partial allow -']);
    expect(seen('classes: { odd: { description: x } }\ndata: { s.t.c: { class: odd } }', {})).toEqual(['odd mask allow -']);
  });

  it('may carry several classes, by several patterns, and none', () => {
    const text = "data: { s.t.c: { class: [ssn, name] }, '*.*.c': { class: email } }";
    expect(seen(text, {})).toHaveLength(3);
    expect(seen(text, {}, 'o.t.c')).toEqual(['email partial allow -']);
    expect(seen(text, {}, 'o.t.d')).toEqual([]);
  });

  it('whose relation is not known carries what it may carry', () => {
    expect(view(TAGGED)?.columnClasses([null, 't'], 'c')).toHaveLength(1);
    expect(view(TAGGED)?.columnClasses([null, 'u'], 'c')).toHaveLength(0);
  });

  it('is tagged where its targets say', () => {
    expect(view('data: { s.t.c: { class: ssn, targets: { labels: { env: dev } } } }')).toBeNull();
    expect(view('data: { s.t.c: { class: ssn, targets: { labels: { env: prod } } } }')?.hides).toBe(true);
    expect(view('rules: []')).toBeNull();
  });
});

describe('a mask rule', () => {
  it('takes the place of the class, and of several the strictest holds', () => {
    const open = 'masks: [{ id: a, treatment: clear, subjects: { groups: [x] } }, { id: b, treatment: token, subjects: { groups: [y] } }]';
    expect(seen(`${TAGGED}${open}`, { groups: ['x'] })).toEqual(['pin clear allow p/a']);
    expect(seen(`${TAGGED}${open}`, { groups: ['x', 'y'] })).toEqual(['pin token allow p/b']);
    expect(seen(`${TAGGED}${open}`, { groups: [] })).toEqual(['pin partial allow -']);
    expect(view(`${TAGGED}${open}`, { groups: ['x'] })?.hides).toBe(false);
  });

  it('is about its classes and columns only', () => {
    const text = `
data: { s.t.c: { class: ssn }, s.t.d: { class: ssn }, s.t.e: { class: email } }
masks: [{ id: a, treatment: clear, classes: [ssn], columns: [s.t.c] }]`;
    expect(seen(text, {}, 's.t.c')).toEqual(['ssn clear allow p/a']);
    expect(seen(text, {}, 's.t.d')).toEqual(['ssn partial allow -']);
    expect(seen(text, {}, 's.t.e')).toEqual(['email partial allow -']);
    expect(view(text)?.hides).toBe(true);
  });

  it('that opens needs to know who it is; one that closes does not', () => {
    const text = `${TAGGED}masks: [{ id: a, treatment: clear, subjects: { emails: [ann@bank.example] } }, { id: b, treatment: 'null', subjects: { emails: [eve@bank.example] } }]`;
    const unverified = { email: 'ann@bank.example', emailVerified: false };
    expect(seen(text, unverified)).toEqual(['pin partial allow -']);
    expect(seen(text, { ...unverified, emailVerified: true })).toEqual(['pin clear allow p/a']);
    expect(seen(text, { email: 'eve@bank.example', emailVerified: false })).toEqual(['pin null allow p/b']);
  });

  it('may ask for a reason', () => {
    const text = `${TAGGED}masks: [{ id: a, treatment: clear, needs_reason: true }]`;
    expect(seen(text, {})).toEqual(['pin partial allow -']);
    expect(seen(text, {}, 's.t.c', true)).toEqual(['pin clear allow p/a']);
  });

  it('may ask for people who approved it', () => {
    const text = `${TAGGED}masks: [{ id: a, treatment: clear, needs_approval: true }]`;
    expect(seen(text, {}, 's.t.c', true)).toEqual(['pin partial allow -']);
    expect(seen(text, {}, 's.t.c', false, true)).toEqual(['pin clear allow p/a']);
  });

  it('says whether text without a terminal is hidden, in the place of the class; of several that hides', () => {
    const hidden = (text: string, who: Partial<Identity>): boolean | undefined => view(text, who)?.classes.find(({ class: name }) => name === 'ssn')?.output;
    const closed = 'classes: { ssn: { detect: true, output: true } }\n';
    const open = 'classes: { ssn: { detect: true } }\n';
    expect([hidden(closed, {}), hidden(open, {})]).toEqual([true, false]);
    const agents = 'masks: [{ id: a, output: true, subjects: { kinds: [agent] } }, { id: b, output: false, subjects: { groups: [raw] } }]';
    expect([hidden(open + agents, { kind: 'agent' }), hidden(open + agents, {})]).toEqual([true, false]);
    expect([hidden(closed + agents, { groups: ['raw'] }), hidden(closed + agents, { kind: 'agent', groups: ['raw'] })]).toEqual([false, true]);
    // Who it is, is not certain: it hides, and opens nothing.
    const unsure = (output: boolean): string => `masks: [{ id: a, output: ${String(output)}, subjects: { emails: [ann@bank.example] } }]`;
    const ann = { email: 'ann@bank.example', emailVerified: false };
    expect([hidden(open + unsure(true), ann), hidden(closed + unsure(false), ann)]).toEqual([true, true]);
    expect(view(`${closed}masks: [{ id: a, output: true, targets: { labels: { env: dev } } }]`)?.classes[0]?.output).toBe(true);
    expect(view(`${open}masks: [{ id: a, output: true, targets: { labels: { env: dev } } }]`)?.classes[0]?.output).toBe(false);
  });

  it('says what may decide; agents may only compare', () => {
    expect(seen(TAGGED, { kind: 'agent' })).toEqual(['pin partial equality -']);
    expect(seen(`${TAGGED}masks: [{ id: a, conditions: deny }]`, {})).toEqual(['pin partial deny -']);
    expect(seen(`${TAGGED}masks: [{ id: a, conditions: allow, subjects: { kinds: [agent] } }]`, { kind: 'agent' })).toEqual(['pin partial allow -']);
    expect(view(`${TAGGED}masks: [{ id: a, conditions: deny }]`)?.unknown).toMatchObject({ treatment: 'mask', conditions: 'deny' });
  });
});

describe('how a class is shown in part', () => {
  const how = (text: string) => view(`${text}\ndata: { s.t.c: { class: pan } }`)?.columnClasses(['s', 't'], 'c')[0];

  it('is said by the class, and neither length nor BIN is shown where nobody says so', () => {
    expect(how('classes: { pan: { show_bin: true } }')).toMatchObject({ treatment: 'partial', showBin: true, keepLength: false });
    expect(how('classes: { pan: { keep_length: true } }')).toMatchObject({ treatment: 'partial', showBin: false, keepLength: true });
    expect(how('')).toMatchObject({ showBin: false, keepLength: false });
  });

  it('only cards have a BIN', () => {
    expect(problems('classes: { ssn: { show_bin: true } }')).toMatch(/it belongs to class `pan`/);
  });

  it('tests of policies ask for it, and fail where it is otherwise', async () => {
    const clock = new TestClock();
    const policy = load('classes: { pan: { show_bin: true } }\ndata: { s.t.c: { class: pan } }\nmasks: [{ id: a, resolve_tokens: true, conditions: deny }]');
    const run = async (expected: string) => {
      const fixture = parseFixture(
        'p.test.yaml',
        `version: 1\ntargets: { db: { protocol: sql } }\nidentities: { ann: {} }\ntests: [{ as: ann, target: db, column: s.t.c, shown: partial, ${expected} }]`,
      );
      return (await runFixture(fixture, policy, clock, () => Promise.reject(new Error('no statement')))).flatMap(({ differs }) => differs);
    };
    for (const right of ['show_bin: true', 'keep_length: false', 'conditions: deny', 'resolves_tokens: true'])
      expect([right, await run(right)]).toEqual([right, []]);
    for (const wrong of ['show_bin: false', 'keep_length: true', 'conditions: allow', 'resolves_tokens: false'])
      expect([wrong, await run(wrong)]).toEqual([wrong, [expect.stringMatching(/ is \w+, expected \w+$/)]]);
    expect(() =>
      parseFixture(
        'p.test.yaml',
        'version: 1\ntargets: { db: { protocol: sql } }\nidentities: { ann: {} }\ntests: [{ as: ann, target: db, connect: true, expect: allow, show_bin: true }]',
      ),
    ).toThrow(/which belong to `column`/);
  });
});

describe('tokens', () => {
  const resolves = (text: string, who: Partial<Identity>, column = 'c'): string | null | undefined =>
    view(text, who)?.columnClasses(['s', 't'], column)[0]?.resolvedBy;

  it('are resolved for whom a rule names for certain, of the classes and columns that it names', () => {
    expect(resolves(TAGGED, {})).toBe(null);
    const text = `${TAGGED}masks: [{ id: a, resolve_tokens: true, classes: [pin], subjects: { groups: [desk] } }]`;
    expect([resolves(text, { groups: ['desk'] }), resolves(text, {})]).toEqual(['p/a', null]);
    expect([view(text, { groups: ['desk'] })?.resolvesTokens, view(text)?.resolvesTokens]).toEqual([true, false]);
    expect(seen(text, { groups: ['desk'] })).toEqual(['pin partial allow -']);
    expect(resolves(`${TAGGED}masks: [{ id: a, resolve_tokens: true, columns: [s.t.d] }]`, {})).toBe(null);
    expect(resolves(`${TAGGED}masks: [{ id: a, resolve_tokens: true, classes: [ssn] }]`, {})).toBe(null);
  });
});

describe('clear text by approval', () => {
  const asks = (text: string, who: Partial<Identity> = {}, column = 'c') => view(text, who)?.columnClasses(['s', 't'], column)[0]?.onApproval ?? null;
  const MASK = '{ id: a, classes: [pin], treatment: clear, approval: { groups: [x] } }';

  it('is asked for by all masks that apply for certain; any that refuses refuses', () => {
    expect(asks(`${TAGGED}masks: [${MASK}]`)).toEqual({ rules: ['p/a'], groups: ['x'], unapproved: 'refused' });
    const both = `${TAGGED}masks: [${MASK}, { id: b, treatment: clear, approval: { groups: [y] }, unapproved: masked }]`;
    expect(asks(both)).toEqual({ rules: ['p/a', 'p/b'], groups: ['x', 'y'], unapproved: 'refused' });
    expect(asks(`${TAGGED}masks: [{ id: a, treatment: clear, subjects: { groups: [g] }, approval: { groups: [x] } }]`)).toBe(null);
  });

  it('is not where another mask holds, before or after, or opens already', () => {
    expect(asks(`${TAGGED}masks: [${MASK}, { id: b, treatment: 'null' }]`)).toBe(null);
    expect(asks(`${TAGGED}masks: [${MASK}, { id: b, treatment: mask, needs_approval: true }]`)).toBe(null);
    expect(asks(`${TAGGED}masks: [${MASK}, { id: b, treatment: clear }]`)).toBe(null);
  });

  it('opens the columns that were asked about by all who ask, and no others', () => {
    const policy = load(`${TAGGED}masks: [${MASK}, { id: b, treatment: clear, approval: { groups: [y] } }]`).view(identity({}), target);
    const terms = { rules: ['p/a', 'p/b'], groups: ['x', 'y'], unapproved: 'refused' } as const;
    const shown = (column: readonly string[], dataClass = 'pin', rules: readonly string[] = terms.rules): string | undefined =>
      policy.masking(false, true, [{ column, class: dataClass, terms: { ...terms, rules } }])?.columnClasses(['s', 't'], 'c')[0]?.treatment;
    expect(shown(['s', 't', 'c'])).toBe('clear');
    expect([shown(['s', 't', 'd']), shown(['s.t', 'c']), shown(['s', 't', 'c'], 'ssn'), shown(['s', 't', 'c'], 'pin', ['p/a'])]).toEqual(
      Array.from({ length: 4 }, () => 'partial'),
    );
    expect(policy.masking(false, true)?.columnClasses(['s', 't'], 'c')[0]?.treatment).toBe('partial');
  });
});

describe('clear text by approval of what detectors find', () => {
  const FOUND = 'classes: { ssn: { treatment: partial, detect: true }, pan: { detect: true }, pin: { treatment: mask } }\n';
  const mask = (id: string, more = '') =>
    `{ id: ${id}, classes: [ssn], columns: ['*.notes.*', s.t.c], detected: true, treatment: clear, approval: { groups: [${id}] }${more} }`;
  const terms = { rules: ['p/a'], groups: ['a'], unapproved: 'refused' } as const;
  const asks = (masks: string, who: Partial<Identity> = {}, column = 'x.notes.body') => {
    const [schema, relation, name] = column.split('.') as [string, string, string];
    return view(`${FOUND}masks: [${masks}]`, who)
      ?.detectedClasses([schema, relation], name)
      .map(({ class: each, onApproval }) => [each, ...(onApproval?.rules ?? [])]);
  };

  it('is asked for where a mask says so, of the classes and columns that it names', () => {
    expect(asks(mask('a'))).toEqual([['ssn', 'p/a']]);
    expect(asks(mask('a').replace('classes: [ssn], ', ''))).toEqual([
      ['ssn', 'p/a'],
      ['pan', 'p/a'],
    ]);
    expect(asks(mask('a'), {}, 'x.other.body')).toEqual([]);
    expect(asks(mask('a').replace('detected: true, ', ''))).toEqual([]);
    expect(asks('{ id: a, classes: [ssn], treatment: clear, approval: { groups: [x] } }')).toEqual([]);
    expect(asks(mask('a', ', subjects: { groups: [g] }'))).toEqual([]);
    expect(asks(mask('a', ', needs_reason: true'))).toEqual([]);
  });

  it('is asked for by all masks that say so, and by none that is about tagged columns', () => {
    expect(asks(`${mask('a')}, ${mask('b')}, { id: c, classes: [ssn], treatment: clear, approval: { groups: [x] } }`)).toEqual([['ssn', 'p/a', 'p/b']]);
  });

  it('is not where another mask holds, or opens all already; where one opens a tagged column, it still is', () => {
    expect(asks(`${mask('a')}, { id: b, treatment: 'null' }`)).toEqual([]);
    expect(asks(`${mask('a')}, { id: b, treatment: 'null', columns: ['*.notes.body'] }`)).toEqual([]);
    expect(asks(`${mask('a')}, { id: b, treatment: clear }`)).toEqual([]);
    expect(asks(`${mask('a')}, { id: b, treatment: clear, columns: ['*.notes.body'] }`)).toEqual([['ssn', 'p/a']]);
    expect(asks(`${mask('a')}, { id: b, treatment: mask, needs_approval: true }`)).toEqual([]);
  });

  it('opens what was found in the columns that were asked about, and neither other columns nor what is tagged', () => {
    const policy = load(`${FOUND}data: { s.t.c: { class: ssn } }\nmasks: [${mask('a')}]`).view(identity({}), target);
    const shown = (column: readonly string[], more: { readonly class?: string; readonly detected?: true; readonly rules?: readonly string[] }) => {
      const { class: name = 'ssn', rules = terms.rules, ...found } = more;
      return policy.masking(false, true, [{ column, class: name, terms: { ...terms, rules }, ...found }]);
    };
    const treated = (seen: ReturnType<typeof shown>) => seen?.detectedClasses(['x', 'notes'], 'body').map((each) => `${each.treatment} ${each.rule ?? '-'}`);
    const body = ['x', 'notes', 'body'];
    const yes = shown(body, { detected: true });
    expect(treated(yes)).toEqual(['clear p/a']);
    expect(yes?.classes.find((each) => each.class === 'ssn')?.treatment).toBe('partial');
    expect(yes?.detectedClasses(['x', 'notes'], 'title').map((each) => each.treatment)).toEqual(['partial']);
    for (const other of [shown(body, {}), shown(['x', 'notes', 'title'], { detected: true }), shown(body, { class: 'pan', detected: true })])
      expect(treated(other)).toEqual(['partial -']);
    expect(treated(shown(body, { detected: true, rules: ['p/b'] }))).toEqual(['partial -']);
    const tagged = (seen: ReturnType<typeof shown>) => seen?.columnClasses(['s', 't'], 'c')[0]?.treatment;
    expect([tagged(shown(['s', 't', 'c'], { detected: true })), tagged(shown(['s', 't', 'c'], {}))]).toEqual(['partial', 'clear']);
  });

  it.each([
    ['no approval', `{ id: a, classes: [ssn], columns: ['*.*.*'], detected: true, treatment: clear }`, 'stands beside `approval`'],
    ['no columns', '{ id: a, classes: [ssn], detected: true, treatment: clear, approval: { groups: [x] } }', 'say of which `columns`'],
    ['a class that nobody looks for', mask('a').replace('[ssn]', '[ssn, pin]'), 'class `pin` is not looked for in text'],
    ['another treatment', mask('a').replace('treatment: clear', 'treatment: partial'), 'beside `treatment: clear`'],
    ['a word for it', mask('a').replace('detected: true', 'detected: maybe'), 'detected'],
  ])('is refused with %s', (_, text, words) => {
    expect(problems(`${FOUND}masks: [${text}]`)).toContain(words);
  });

  it('is refused where no class is looked for', () => {
    expect(problems(`masks: [${mask('a').replace('classes: [ssn], ', '')}]`)).toContain('no class is looked for in text');
  });
});

describe('a file', () => {
  it.each([
    ['data: { s.t.c: { class: emial } }', 'p.yaml:2:', 'unknown class `emial`'],
    ['data: { s.c: { class: ssn } }', 'p.yaml:2:', '`s.c` is not the name of a column'],
    ['classes: { ssn: { treatmnt: clear, detect: true } }', 'p.yaml:2:', 'unknown key `treatmnt`'],
    ['classes: { pin: { detect: true } }', 'p.yaml:2:', 'gw has no detector for class `pin`'],
    ['classes: { ssn: { screen: true } }', 'p.yaml:2:', '`screen` is for what detectors find'],
    ['classes: { ssn: { output: true } }', 'p.yaml:2:', '`output` is for what detectors find'],
    ['masks: [{ id: a, columns: [s.t.c], output: true }]', 'p.yaml:2:', '`output` is about text'],
    ['masks: [{ id: a, treatment: clear, output: false, approval: { groups: [x] } }]', 'p.yaml:2:', 'cannot stand beside `approval`'],
    ['classes: { Pin: { treatment: clear } }', 'p.yaml:2:', 'lower-case letters'],
    ['classes: { pin: { treatment: hide } }', 'p.yaml:2:', '`treatment` cannot be `hide`'],
    ['masks: [{ id: a, subjects: { kinds: [agent] } }]', 'p.yaml:2:', 'says nothing: give it a `treatment`, `conditions`, `output` or `resolve_tokens`'],
    ['masks: [{ id: a, treatment: clear, class: [ssn] }]', 'p.yaml:2:', 'unknown key `class`'],
    ['masks: [{ id: a, treatment: clear }, { id: a, treatment: mask }]', 'p.yaml:2:', 'already has the id `a`'],
    ['masks: [{ id: a, treatment: clear, classes: [nope] }]', 'p.yaml:2:', 'unknown class `nope`'],
    ['masks: [{ id: a, treatment: clear, targets: { protocols: [sq] } }]', 'p.yaml:2:', 'sq'],
    ['masks: [{ id: a, treatment: partial, approval: { groups: [x] } }]', 'p.yaml:2:', 'beside `treatment: clear`'],
    ['masks: [{ id: a, treatment: clear, unapproved: masked }]', 'p.yaml:2:', 'stands beside `approval`'],
    ['masks: [{ id: a, treatment: clear, conditions: allow, approval: { groups: [x] } }]', 'p.yaml:2:', 'cannot stand beside `approval`'],
    ['masks: [{ id: a, treatment: clear, needs_approval: true, approval: { groups: [x] } }]', 'p.yaml:2:', 'leave it out'],
    ['masks: [{ id: a, treatment: clear, approval: { groups: [] } }]', 'p.yaml:2:', 'groups'],
  ])('%s is refused with a position and a suggestion', (text, place, words) => {
    expect(problems(text)).toContain(place);
    expect(problems(text)).toContain(words);
  });

  it('describes each class once', () => {
    const text = 'version: 1\nclasses: { pin: { treatment: mask } }\n';
    expect(() =>
      loadPolicy(
        [
          { path: 'a.yaml', text },
          { path: 'b.yaml', text },
        ],
        protocols,
      ),
    ).toThrow(/class `pin` is described in a\.yaml already/);
  });

  it('that differs in what it hides differs', () => {
    expect(comparePolicies(load(TAGGED), load(TAGGED.replace('partial', 'mask')))).toMatchObject({ changed: [{ name: 'p (class pin)', keys: ['treatment'] }] });
    expect(comparePolicies(load(''), load(TAGGED)).added).toEqual(['p (class pin)', 'p (data s.t.c)']);
    expect(load(TAGGED).digest).not.toBe(load('').digest);
  });
});
