/** What a command would run, as far as its text says: against texts whose meaning is known, against long ones, and against random bytes. */

import { describe, expect, it } from 'vitest';
import { commandFacts } from '../../../src/protocols/ssh/shell/command-facts.js';
import { fc } from '../../support/fast-check.js';

const facts = (text: string): ReturnType<typeof commandFacts> => commandFacts(text, 'posix');
const programs = (text: string): string[] => facts(text).effects.flatMap(({ action, facts: { program } }) => (action === 'ssh.exec' ? [String(program)] : []));
const files = (text: string): string[] =>
  facts(text).effects.flatMap(({ action, facts: { mode, path } }) => (action === 'ssh.redirect' ? [`${String(mode)} ${String(path)}`] : []));
const isKnown = (text: string): boolean => facts(text).unknown.length === 0;

/** Each with all that it runs; nothing of it is left open. */
const PLAIN: Readonly<Record<string, string[]>> = {
  'ls -la /tmp': ['ls'],
  'a && b || c; d & e': ['a', 'b', 'c', 'd', 'e'],
  'a | b |& c': ['a', 'b', 'c'],
  '(a; b) | { c; d; }': ['a', 'b', 'c', 'd'],
  'if a; then b; elif c; then d; else e; fi': ['a', 'b', 'c', 'd', 'e'],
  'while a; do b; done; until c; do d; done': ['a', 'b', 'c', 'd'],
  'for x in 1 2; do a; done': ['a'],
  'case x in y|z) a;; (*) b; esac': ['a', 'b'],
  'a \\\n b\nc': ['a', 'c'],
  'a # b\nc': ['a', 'c'],
  'a#b': ['a#b'],
  "'r'm": ['rm'],
  'r\\m': ['rm'],
  '"rm"': ['rm'],
  '! a': ['a'],
  'x=1 a': ['a'],
  'a <<E\nb $((1\nE\nc': [],
  "a <<'E'\n$(b)\nE\nc": ['a', 'c'],
  'a <<-E\n\tb\n\tE\nc': ['a', 'c'],
  '/usr/bin/rm x': ['rm'],
  'sudo -u root -- rm x': ['sudo', 'rm'],
  'env A=1 timeout -s KILL 5 nice -n 3 rm x': ['env', 'timeout', 'nice', 'rm'],
  'sh -c "a; b"': ['sh', 'a', 'b'],
  "eval 'a;' b": ['eval', 'a', 'b'],
  'exec a': ['exec', 'a'],
  'busybox rm x': ['busybox', 'rm'],
};

/** Each hides something, which is found, or is said to be unknown. */
const HIDDEN: Readonly<Record<string, string | null>> = {
  'echo $(rm x)': 'rm',
  'echo `rm x`': 'rm',
  'echo "$(rm x)"': 'rm',
  'echo "`rm x`"': 'rm',
  'echo ${y:-$(rm x)}': 'rm',
  'x=$(rm x)': 'rm',
  'a > "$(rm x)"': 'rm',
  'a <<E\n$(rm x)\nE': 'rm',
  'a <<E\n$("rm" x)\nE': 'rm',
  'case $(rm x) in *) ;; esac': 'rm',
  'for i in $(rm x); do a; done': 'rm',
  'find . -exec rm {} +': 'rm',
  'ls | xargs rm': 'rm',
  'sh -c "sh -c \'rm x\'"': 'rm',
  'sudo env rm x': 'rm',
  $X: null,
  '${X}rm': null,
  '/bin/r?': null,
  'r{m,x}': null,
  "$'rm' x": null,
  'f() { rm x; }; f': null,
  '[[ $(rm x) ]]': null,
  'a <(rm x)': null,
  'x=(rm)': null,
  'alias ls=rm; ls': null,
  'PATH=/tmp ls': null,
  'LD_PRELOAD=/tmp/x.so ls': null,
  'export PATH=/tmp; ls': null,
  'env LD_PRELOAD=x ls': null,
  'echo cm0geA== | base64 -d | sh': null,
  'perl -e "unlink x"': null,
  'awk "BEGIN{system(1)}"': null,
  '. ./script': null,
  'sudo -i': null,
  'sudo -s': null,
  'su - root': null,
  'at now': null,
  'tmux new -d rm': null,
  'nohup $X': null,
  '/usr/lib/openssh/sftp-server': null,
  '"${x:-\'}" ; rm x #\'}"': null,
  'echo $((x[$(rm x)]))': null,
  'cat < /dev/tcp/10.0.0.1/80': null,
  'a\0b': null,
  '': null,
  'a "': null,
  'a (': null,
  'a |': null,
  '< <(rm)': null,
};

describe('a command', () => {
  it.each(Object.entries(PLAIN).filter(([, wanted]) => wanted.length > 0))('%j is read whole', (text, wanted) => {
    expect({ programs: programs(text), unknown: facts(text).unknown }).toEqual({ programs: wanted, unknown: [] });
  });

  it.each(Object.entries(HIDDEN))('%j hides nothing', (text, found) => {
    if (found === null) expect(facts(text).effects.map(({ action }) => action)).toContain('unknown');
    else expect(programs(text)).toContain(found);
  });

  it('names the files that it is redirected from and to', () => {
    expect(files('a <in >out 2>>log >|over <>both &>all 3>&1 2>&- >/dev/null')).toEqual([
      'read in',
      'write out',
      'append log',
      'write over',
      'write both',
      'write all',
    ]);
    expect(files('{ a; } 2>err')).toEqual(['write err']);
    expect(facts('a > $X').unknown).not.toEqual([]);
  });

  it('redirects to the file that the host takes, or to one that is not known', () => {
    const named = (target: string): unknown => facts(`echo x > ${target}`).effects.find(({ action }) => action === 'ssh.redirect')?.resource?.name[0];
    expect(['/etc/passwd', '//etc/passwd', '/etc/./passwd', '/etc//passwd/', '/etc/pass"wd"'].map(named)).toEqual(Array(5).fill('/etc/passwd'));
    expect(['/srv/in/../../etc/passwd', 'passwd', './passwd', '../passwd', '~/x', '/etc/pass*', '""', '$X'].map(named)).toEqual(Array(8).fill(null));
  });

  it('keeps the arguments as they reach the program', () => {
    expect(facts(`a 'b c' "d\\"e" f\\ g ""`).effects[0]?.facts['arguments']).toEqual(['b c', 'd"e', 'f g', '']);
    expect(facts('a *').effects[0]?.facts).toMatchObject({ expanded: true });
  });

  it('in another folder is another program', () => {
    const named = (text: string): unknown => facts(text).effects[0]?.resource?.name[0];
    expect([named('rm'), named('/bin/rm'), named('/tmp/rm'), named('./rm'), named('//bin/./rm'), named('/usr/bin/../../tmp/rm'), named('../rm')]).toEqual([
      'rm',
      'rm',
      '/tmp/rm',
      './rm',
      'rm',
      null,
      null,
    ]);
  });

  it('for a shell that is not read is unknown', () => {
    expect(commandFacts('ls', 'other').effects).toMatchObject([{ action: 'unknown' }]);
  });

  it('gives the same object for the same text, because decisions are cached by it', () => {
    expect(facts('ls -l')).toBe(facts('ls -l'));
  });

  it('nested too deeply, or too long, is unknown and no crash', () => {
    for (const text of [
      '$('.repeat(5_000),
      '('.repeat(5_000),
      `${'a;'.repeat(5_000)}a`,
      '`'.repeat(999),
      `sh -c "${'a;'.repeat(2_000)}"`,
      `${'sudo '.repeat(5_000)}rm`,
      `echo ${'${'.repeat(50_000)}`,
      `${'nice '.repeat(9)} rm ${'x '.repeat(3_000)}`,
    ])
      expect(facts(text).unknown, text.slice(0, 20)).not.toEqual([]);
  });
});

describe('a text of megabytes', () => {
  // What looks at each part of such a text for each other part does not come to an end within the time of a test.
  const N = 500_000;
  it.each([
    ['braces and commas', `echo {${','.repeat(N)}`],
    ['braces', `echo ${'{'.repeat(N)}`],
    ['pairs of braces', `echo ${'{a}'.repeat(N)}`],
    ['digits', `echo ${'1'.repeat(N)}`],
    ['variables', `echo ${'$x'.repeat(N)}`],
    ['names in an expression', `echo $((${'a '.repeat(N)}))`],
    ['blanks in an expression', `echo $((a${' '.repeat(N)}))`],
    ['expressions', `echo ${'$((1))'.repeat(N)}`],
    ['quotes', `echo ${'"$x"'.repeat(N)}`],
    ['comments', `${'#\n'.repeat(N)}a`],
    ['joined lines', `a ${' \\\n'.repeat(N)}`],
    ['here-documents', `cat ${'<<E '.repeat(N)}`],
    ['assignments', `${'A=1 '.repeat(N)}a`],
    ['patterns', `case x in ${'a|'.repeat(N)}b) c;; esac`],
    ['folders', `echo > /${'./'.repeat(N)}`],
    ['blanks that are compared', `test 1 -eq '${' '.repeat(N)}x'`],
    ['a format', `printf '%${'-'.repeat(N)}'`],
    ['formats', `printf '${'%-'.repeat(N)}'`],
    ['an option', `scp -${'a'.repeat(N)}0`],
    ['a delimiter', `cat <<${'E'.repeat(N)}!`],
  ])('is read in one pass: %s', (_, text) => {
    expect(facts(text).effects.length).toBeGreaterThan(0);
  });
});

describe('"&>", which bash takes for a redirection and dash for the end of a command,', () => {
  it.each(['echo &>/dev/null rm -rf x', 'echo a &>>log A=1 rm x', 'echo 2&>log rm x', "'gam'ma 2>&1 &>{ eval 'beta'"])(
    'makes what has words behind it unknown: %s',
    (text) => {
      expect(isKnown(text)).toBe(false);
    },
  );

  it('is read where nothing stands behind it', () => {
    expect(isKnown('ls all &> log && cat log')).toBe(true);
    expect(programs('ls all &> log && cat log')).toEqual(['ls', 'cat']);
  });
});

describe('random bytes', () => {
  it('are read or unknown, and never an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(facts(text).effects.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
