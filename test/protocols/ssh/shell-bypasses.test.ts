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
