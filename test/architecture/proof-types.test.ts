/**
 * Rule 3 of the design: `Authenticated`, `Grant` and `Verdict` are built in one stage each. Their brands cannot be named outside the
 * contract, so a cast or an implementing class is the only way to make one; both are looked for in the syntax tree.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, parse, walk } from './source-files.js';

const STAGE: Readonly<Record<string, string>> = {
  Authenticated: 'src/session/authenticate.ts',
  Grant: 'src/session/authorize.ts',
  Verdict: 'src/session/guard.ts',
};

/** Names of proof types within a type node: `Verdict`, `Verdict | null`, `readonly Grant[]`, `Pick<Grant, …>`. */
function proofsIn(type: ts.Node): readonly string[] {
  const found: string[] = [];
  walk(type, (node) => {
    if (ts.isIdentifier(node) && Object.hasOwn(STAGE, node.text)) found.push(node.text);
  });
  return found;
}

/** Every place that builds a proof: the name of the type and where. */
function builders(file: ts.SourceFile): readonly { readonly proof: string; readonly exported: boolean }[] {
  const found: { proof: string; exported: boolean }[] = [];
  walk(file, (node) => {
    if (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) {
      for (const proof of proofsIn(node.type)) found.push({ proof, exported: false });
    }
    if (ts.isClassLike(node)) {
      const exported = ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
      for (const clause of node.heritageClauses ?? []) for (const proof of proofsIn(clause)) found.push({ proof, exported });
    }
  });
  return found;
}

describe('proof types', () => {
  const all = filesBelow('src').flatMap((path) => builders(parse(path)).map((builder) => ({ path, ...builder })));

  it('are built in their stage and nowhere else', () => {
    expect(all.filter(({ path, proof }) => path !== STAGE[proof])).toEqual([]);
  });

  it.each(Object.entries(STAGE))('%s is built in %s', (proof, path) => {
    expect(all.filter((builder) => builder.proof === proof && builder.path === path).length).toBeGreaterThan(0);
  });

  it('are never built by an exported class', () => {
    expect(all.filter(({ exported }) => exported)).toEqual([]);
  });

  it('finds casts and classes (this test can fail)', () => {
    const text = 'const a = {} as unknown as Verdict; const b = <Grant>{}; export class X implements Authenticated {}; const c = y as readonly Verdict[];';
    expect(builders(parse('x.ts', text))).toEqual([
      { proof: 'Verdict', exported: false },
      { proof: 'Grant', exported: false },
      { proof: 'Authenticated', exported: true },
      { proof: 'Verdict', exported: false },
    ]);
  });
});
