/**
 * Real shells against what is read: texts are made of a grammar that knows what shells have in store, then damaged. Whatever a shell starts must be
 * found in the text, or the text be unknown. Who adds to what is read adds here what could go wrong with it.
 */

import { afterAll, expect, it } from 'vitest';
import { commandFacts } from '../../../src/protocols/ssh/shell/command-facts.js';
import { fc } from '../../support/fast-check.js';
import { RealShell, SHELLS } from './real-shell.js';

const real = new RealShell();
afterAll(() => real[Symbol.dispose]());

/** Put anywhere into a text. */
const ODD = [
  ...[' ', ';', '\n', '\t', '\r', '(', ')', '((', '))', '`', '$(', '$((', '${', '"', "'", '\\', '\\\n', '#', '{', '}', '[', ']', ',', '|', '&', ';;', '!', '~'],
  ...['$V', "$'", '$"', '$[', '@P', '*', '>', '<', '2', '=', '+=', '-', '--', '&>', '>&', '<&', '<<<', '<<E\n', '<<-E\n', '\nE\n', '\nE', '{x}', '{x,y}'],
  ...['if ', 'do ', 'in ', 'time ', 'eval ', 'env ', 'A=1 '],
];
const WORDS = [
  ...['x', '"a b"', "'c;d'", '\\;', "$'\\''", "$'a'", '$"b"', '${a@P}', '${a:-b}', '$((a))', '$[a]', '{x}', '{alpha,{x}}', '~', "'$(beta)'", '"\\$(beta)"'],
  ...["'a[$(beta)]'", 'a\\ \\\n', '\\\nb', '2>&1', "'beta'", "'beta #'", '-v', '-c', '--', '#e', '', ''],
];
const DELIMITERS = ['E', 'E', "'E'", '"E"', "'a\\b'", '"a\\b"', '\\E', "E''", 'E\\\nF', '-E', '$E', "'E)'", '`E`', "'E '", '"$E"'];
const ENDS = ['E', 'E', 'ab', 'a\\b', 'EF', 'E\\\nF', '\tE', 'E)', 'E x )', '-E', 'E\\', '$E', ' E', 'E '];
/** In front of a command. */
const STARTERS = [
  ...[
    'env ',
    'env -u A ',
    'env -uA ',
    "env 'A'=1 ",
    'env "A=1" ',
    'env a-b=1 ',
    'env - PATH="$PATH" ',
    'env -- A=1 ',
    'env -C . ',
    'env --chdir=. ',
    'env --null ',
  ],
  ...[
    'nice ',
    'nice -n 1 ',
    'nice -1 ',
    'nice --adjustment=1 ',
    'nohup ',
    'nohup -- ',

    'stdbuf -o0 ',
    'stdbuf --output=0 ',
    'ionice -t ',
  ],
  ...[
    'timeout 5 ',
    'timeout --signal=KILL 5 ',
    'timeout -k 1 5 ',
    'timeout --foreground -- 5 ',
    'command ',
    'command -p ',
    'command -- ',
    'exec ',
    'exec -a x ',
    'jobs -x ',
    'jobs -rx -- ',
  ],
  ...[
    'builtin ',
    'time ',
    'time -p ',
    'time -- ',
    'A=1 ',
    'A\\\n=1 ',
    'A+=1 ',
    '! ',
    '>f ',
    '2>f ',
    '22>f ',
    '{a}>f ',
    '&>f ',
    '>&f ',
    '<>f ',
    "'A'=1 ",
    'a[1]=2 ',
  ],
];
/** In front of a text in quotes. */
const READERS = [
  ...[
    'eval ',
    'eval -- ',
    'eval "" ',
    'command eval ',
    'builtin eval ',
    'sh -c ',
    'sh -ec ',
    'sh -c -e ',
    'sh -c -- ',
    'sh -c +e ',
    'sh -ce ',
    'bash -c ',
    'bash --norc -c ',
  ],
  ...['env -S ', 'env --split-string=', 'env --split-string ', 'env -vS ', 'env sh -c ', 'time eval ', 'trap -- EXIT ', 'sh -s ', 'echo ', 'a='],
];
/** In front of a name with a subscript, which bash evaluates. */
const SETTERS = [
  ...[
    'printf -v ',
    'printf ',
    'test -v ',
    'test -n ',
    '"[" -v ',
    'read ',
    'read -r -a ',
    'unset ',
    'unset -v ',
    'let ',
    'declare ',
    'declare -i ',
    'declare -x ',
    'export ',
  ],
  ...[
    'readonly ',
    'local ',
    'wait -p ',
    'wait -n -p ',
    'getopts a ',
    'mapfile ',
    'mapfile -c1 -C ',
    'set -k ',
    'RANDOM=',
    'A=',
    'for RANDOM in ',
    'echo >&',
    'echo &>',
    'echo <<<',
  ],
];

/** What is put into the variable `a` does not expand it again: that would start itself for ever. */
const once = (text: string): string => text.replaceAll(/\$[{([]+a/g, 'x');
const quoted = (text: string): string => `'${text.replaceAll("'", '')}'`;
const word = fc.constantFrom(...WORDS);
const { list } = fc.letrec<{ list: string; command: string }>((tie) => {
  const inner = tie('list');
  const of = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.tuple(...parts).map((all) => all.join(''));
  const is = fc.constant<string>;
  const simple = of(fc.constantFrom('alpha', 'beta', "'gam'ma", '"epsilon"', 'e\\psilon'), is(' '), word);
  return {
    command: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { arbitrary: simple, weight: 3 },
      { arbitrary: of(fc.constantFrom(...STARTERS), tie('command')), weight: 3 },
      { arbitrary: of(fc.constantFrom(...READERS), inner.map(quoted)), weight: 2 },
      of(
        fc.constantFrom(...SETTERS),
        fc.constantFrom('', 'b'),
        inner.map((text) => quoted(`a[$(${once(text)})]`)),
        fc.constantFrom('', ' <<< x', ' x'),
      ),
      of(
        fc.constantFrom('declare ', 'declare -a ', 'export ', 'a='),
        inner.map((text) => quoted(`a=($(${once(text)}))`)),
      ),
      inner.map((text) => `alpha "$(${text})"`),
      inner.map((text) => `alpha "$\\\n(${text})"`),
      inner.map((text) => `beta \`${text.replaceAll('`', '')}\``),
      inner.map((text) => `(${text})`),
      inner.map((text) => `{ ${text}\n}`),
      inner.map((text) => `time { ${text}\n}`),
      inner.map((text) => `i\\\nf true; then ${text}\nfi`),
      of(fc.constantFrom('', '', 'time '), is('if '), inner, is('\nthen beta; else '), inner, is('\nfi')),
      of(is('for i in '), word, is(' '), word, fc.constantFrom(';', '\n'), is(' do '), inner, is('\ndone')),
      of(is('case '), word, is(' in '), word, is(') alpha;; *) '), inner, is('\n;; esac')),
      of(
        is('alpha '),
        fc.constantFrom('<<', '<<', '<<-', '<< ', '<<\\\n', '<<\\\n-'),
        fc.constantFrom(...DELIMITERS),
        fc.constantFrom('', '; beta', ' | beta'),
        is('\n'),
      ).chain((head) =>
        of(
          is(head),
          fc.constantFrom('', '$', '$\\\n', '\\$'),
          fc.oneof(
            inner,
            inner.map((text) => `(${text})`),
          ),
          is('\n'),
          fc.constantFrom(...ENDS),
          is('\n'),
          inner,
          is('\n'),
          fc.constantFrom(...ENDS),
        ),
      ),
      of(
        fc.constantFrom('alpha ', 'alpha <<<', 'a='),
        is('$(alpha <<E\n'),
        fc.constantFrom(...ENDS),
        is('\n'),
        inner,
        is('\n'),
        fc.constantFrom(...ENDS),
        is('\n)'),
      ),
      of(is('beta <<<'), word),
      of(
        fc.constantFrom('a=', 'export a=', 'a=b; a=b'),
        inner.map((text) => quoted(`$(${once(text)})`)),
        fc.constantFrom('; alpha ', '; alpha <<< ', '; alpha <<E\n'),
        word,
        is('\nE'),
      ),
      of(
        fc.constantFrom('{', '"{"', '\\{', 'x{'),
        fc.constantFrom('alpha', 'beta', 'x', ''),
        fc.constantFrom(',', '..', '","', ''),
        fc.constantFrom('{x}', 'x', '{', '}'),
        is('}'),
        fc.constantFrom('', '>f', ' x', '>f beta'),
      ),
    ),
    list: fc
      .array(fc.tuple(tie('command'), fc.constantFrom(';', ';', '\n', '\n', ' && ', ' || ', ' | ', ' &\n', ' |& ', '&\\\n', ' \\\n;')), {
        minLength: 1,
        maxLength: 3,
      })
      .map((pairs) => pairs.flat().slice(0, -1).join('')),
  };
});
/** A list in which something was put, or from which something was taken, anywhere. */
const text = fc.tuple(list, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...ODD), fc.nat(2)), { maxLength: 2 })).map(([whole, changes]) =>
  changes.reduce((changed, [at, put, taken]) => {
    const place = at % (changed.length + 1);
    return changed.slice(0, place) + put + changed.slice(place + taken);
  }, whole),
);

it.each(SHELLS)('%s runs nothing that was not found, unless the text is unknown', (shell) => {
  let ran = 0;
  fc.assert(
    fc.property(text, (command) => {
      const { effects, unknown } = commandFacts(command, 'posix');
      if (unknown.length > 0) return;
      const found = new Set(effects.map(({ facts }) => facts['program']));
      const names = real.started(shell, command);
      ran += names.size;
      for (const name of names) if (!found.has(name)) throw new Error(`${JSON.stringify(command)} runs ${name}; found ${[...found].join(' ')}`);
    }),
    { numRuns: 2_000 },
  );
  expect(ran).toBeGreaterThan(20);
});
