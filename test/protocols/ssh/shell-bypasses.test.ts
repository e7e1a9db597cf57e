/**
 * Texts that once ran what nobody saw: a real shell starts `alpha` for each of them, so it must be found in the text, or the text be unknown.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { commandFacts } from '../../../src/protocols/ssh/shell/command-facts.js';
import { RealShell, SHELLS } from './real-shell.js';

const real = new RealShell();
afterAll(() => real[Symbol.dispose]());

/** What is not known of a text; empty where all that it runs is found. */
function leftOpen(text: string): readonly string[] {
  const { effects, unknown } = commandFacts(text, 'posix');
  if (unknown.length === 0) return [];
  expect(effects.map(({ action }) => action)).toContain('unknown');
  return unknown;
}

/** The shells that start `alpha`. */
const startedBy = (text: string): string[] => SHELLS.filter((shell) => real.started(shell, text).has('alpha'));

function expectUnknown(text: string): void {
  expect({ text, started: startedBy(text).length > 0, unknown: leftOpen(text).length > 0 }).toEqual({ text, started: true, unknown: true });
}

function expectFound(text: string): void {
  const found = commandFacts(text, 'posix').effects.some(({ facts }) => facts['program'] === 'alpha');
  expect({ text, started: startedBy(text).length > 0, found }).toEqual({ text, started: true, found: true });
}

describe('joined lines and here-documents', () => {
  it.each([
    'echo "$\\\n(alpha)"',
    'echo $\\\n(alpha)',
    'A\\\n=1 alpha',
    'i\\\nf true; then alpha; fi',
    'true &\\\n& alpha',
    "a='b[$(alpha)]'; (\\\n(a))",
    "`echo '\\\n' >/dev/null; alpha`",
    'cat <<EOF\n$\\\n(alpha)\nEOF',
    "cat <<'a\\b'\nx\na\\b\nalpha\nab",
    'cat <<"a\\b"\nx\na\\b\nalpha\nab',
    'cat <<EOF\nx\nEO\\\nF\nalpha\nEOF',
    'cat <<\\\n-EOF\nx\n\tEOF\nalpha\n-EOF',
    'cat <<< $(cat <<EOF\nEOF)\nalpha\nEOF\n)',
    'cat <<< $(cat <<EOF\nEOF x )\nalpha\nEOF\n)',
    'cat <<E $(echo a\nE\nalpha\n)\nE',
  ])('%j make a text unknown', expectUnknown);

  it('whose tabs are taken away end the here-documents in them sooner', () => {
    expectFound('cat <<-E\n$(cat <<F\n\tF\nalpha\nF\n)\nE');
  });

  it.each(['ls \\\n  -l \\\n\\\n  -a', "echo 'a\\\nb'", 'cat <<EOF\na\nEOF', "cat <<-'E.O_F-1'\n\ta\\\n\tE.O_F-1", 'cat <<"E"\n$(\nE'])(
    '%j is read',
    (text) => {
      expect(leftOpen(text)).toEqual([]);
    },
  );
});

describe('words that belong to no command', () => {
  it.each([
    "for x in $'\\'' ; do alpha; done; : '; do echo; done #'",
    "cat <<<$'\\'' ; alpha; : ' #'",
    "case $'\\'' in *) alpha;; esac; : ' in a) echo;; esac #'",
    "a='$(alpha)'; cat <<EOF\n${a@P}\nEOF",
    "a='$(alpha)'; cat <<<${a@P}",
    "a='$(alpha)'; for x in ${a@P}; do echo; done",
    "a='$(alpha)'; case ${a@P} in a) ;; esac",
    "a='$(alpha)'; case x in ${a@P}) ;; esac",
    "a='b[$(alpha)]'; for x in $((a)); do echo; done",
    "a='b[$(alpha)]'; cat <<EOF\n$((a))\nEOF",
    "a='b[$(alpha)]'; cat <<EOF\n$[a]\nEOF",
  ])('%j make a text unknown', expectUnknown);
});

describe('variables that change what runs', () => {
  it.each([
    'for PATH in /tmp/evil; do ls; done',
    'export "P"ATH=/tmp/evil; ls',
    'readonly -- "PATH=/tmp/evil"; ls',
    "declare 'PA'TH=/tmp/evil; ls",
    'read PATH <<EOF\n/tmp/evil\nEOF\nls',
    'read -aPATH x; ls',
    'mapfile PATH; ls',
    'printf -v PATH /tmp/evil; ls',
    'printf -vPATH /tmp/evil; ls',
    "printf 'x%n' PATH; ls",
    'getopts a PATH; ls',
    'unset PATH; ls',
    'declare -n r=PATH; r=/tmp/evil; ls',
    'export *; ls',
    'GCONV_PATH=/tmp/evil iconv x',
    "TAR_OPTIONS='--checkpoint-action=exec=rm' tar c x",
  ])('are seen in %j', (text) => {
    expect(leftOpen(text)).not.toEqual([]);
  });

  it.each(['for x in a b; do ls; done', 'export A=1 B', 'read -r a b', 'printf "%s\\n" a', 'unset a', 'declare -x a=b', 'mapfile -t lines'])(
    'are not seen in %j',
    (text) => {
      expect(leftOpen(text)).toEqual([]);
    },
  );
});

describe('builtins that evaluate their arguments', () => {
  it.each([
    "printf -v 'a[$(alpha)]' x",
    "test -v 'a[$(alpha)]'",
    "[ -v 'a[$(alpha)]' ]",
    "a='b[$(alpha)]'; test -v 'x[a]'",
    "read 'a[$(alpha)]' <<< x",
    "mapfile -C 'alpha #' -c 1 <<< x",
    "let 'a[$(alpha)]'",
    "declare -i 'a=b[$(alpha)]'",
    "declare -a 'a=($(alpha))'",
    "declare 'BASH_ALIASES=([a]=$(alpha))'",
    "wait -n -p 'a[$(alpha)]' & wait -n -p 'a[$(alpha)]'",
    "unset 'a[$(alpha)]'",
    'compgen -C alpha',
    "compgen -W '$(alpha)'",
    "RANDOM='a[$(alpha)]'",
    "OPTIND='a[$(alpha)]'",
    "for RANDOM in 'a[$(alpha)]'; do echo; done",
    'set -k; alpha A=1',
    'trap alpha EXIT',
    'jobs -x alpha',
    'jobs -xr alpha',
    'jobs -r -x -- alpha',
    'builtin jobs "-x" alpha',
    "bash -c 'jobs -x alpha'",
  ])('%j make a text unknown', (text) => {
    expect(leftOpen(text)).not.toEqual([]);
    if (!text.startsWith('unset')) expect(startedBy(text)).not.toEqual([]);
  });

  it.each(['test -f /etc/passwd', 'test a = b', 'test 1 -gt 0', 'test -v a', 'set -euo pipefail', 'set -- a b', 'wait', 'getopts ab o', 'jobs', 'jobs -lp %1'])(
    '%j do not',
    (text) => {
      expect(leftOpen(text)).toEqual([]);
    },
  );
});

describe('programs that run others', () => {
  it.each([
    "env --split-string='alpha'",
    'env -S alpha',
    'env -vS alpha',
    'env --spl=alpha',
    'env a-b=1 alpha',
    'env =1 alpha',
    "sh -c -e 'alpha'",
    "sh -c -- 'alpha'",
    "sh -c +e 'alpha'",
    "eval -- 'alpha'",
    'time { alpha; }',
    'time if true; then alpha; fi',
    'time A=1 alpha',
    'time ! alpha',
    'time -p while alpha; do break; done',
    '! time { alpha; }',
  ])('%j make a text unknown where they are not read', expectUnknown);

  it.each([
    'env "A=1" alpha',
    "env 'A'=1 alpha",
    'env -u B A=1 alpha',
    'env --unset=B --ignore-environment A=1 PATHS=x env alpha',
    'nice --adjustment=1 alpha',
    'nice -n1 alpha',
    'timeout --signal=KILL -k 2 5 alpha',
    'timeout -sKILL 5 alpha',
    'stdbuf --output=L -i0 alpha',
    'nohup -- alpha',
    'setsid --wait alpha',
    'command -p -- alpha',
    'exec -a x alpha',
    'time -p alpha',
    "sh -ec 'alpha' x",
    "eval 'alpha' x",
  ])('%j are read', (text) => {
    const found = commandFacts(text, 'posix').effects.some(({ facts }) => facts['program'] === 'alpha');
    expect({ found, unknown: leftOpen(text) }).toEqual({ found: true, unknown: [] });
    expect(text.includes('ignore-environment') || text.startsWith('command -p') || startedBy(text).length > 0).toBe(true);
  });

  it.each([
    'env -- - rm x',
    'sudo --unknown=x rm x',
    'sudo -R /tmp/x rm x',
    'sudo -h rm x',
    'sudo -s=x rm x',
    'sudo /a=b rm x',
    'nice -n * rm x',
    'env -u * rm x',
    'timeout * rm x',
    'timeout 5 -- rm x',
    'chroot --x=y / rm',
    'xargs --arg-file=f rm',
    'find * -name x',
    'find . -name -exec -exec rm {} +',
    'sh -c *',
    'eval a*',
    'sh -c',
    'time -o f rm x',
    'exec -z rm',
    'busybox --install',
    'A+=1 rm x',
    '22>f rm x',
    '{a}>/dev/null rm x',
    'exec {PATH}>f; rm',
    "echo x >&'a[$(rm)]'",
    'then rm x',
    'sudo if rm; then',
    'trap "rm x" EXIT',
    'enable -f ./x.so x',
    'hash -p /tmp/x ls',
    'source x',
    'flock -c "rm x" f',
    'flock f rm x',
    'watch rm x',
    'parallel rm ::: x',
    'unshare rm x',
    'docker exec x rm y',
  ])('%j make a text unknown', (text) => {
    expect(leftOpen(text)).not.toEqual([]);
  });

  it('that are not in the table are programs by themselves', () => {
    for (const text of ['taskset 1 rm x', 'chrt 1 rm x', 'fakeroot rm x']) {
      expect(commandFacts(text, 'posix').effects.map(({ facts }) => facts['program'])).toEqual([text.split(' ')[0]]);
      expect(leftOpen(text)).toEqual([]);
    }
  });
});
