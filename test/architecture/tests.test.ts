/** Tests about the tests: none is switched off, none waits for a condition of the machine, and no module is replaced. */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, parse, walk } from './source-files.js';

const OFF = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);
const RUNNERS = new Set(['it', 'test', 'describe', 'bench', 'suite']);

/** `it.skip`, `describe.only.each`, `test.skipIf(…)`, `vi.mock(…)`, `context.skip()`: each as the text of the expression. */
function switches(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    let root: ts.Expression = node.expression;
    while (ts.isPropertyAccessExpression(root) || ts.isCallExpression(root)) root = root.expression;
    const owner = ts.isIdentifier(root) ? root.text : '';
    if (RUNNERS.has(owner) && OFF.has(node.name.text)) found.push(node.getText());
    if (owner === 'vi' && ['mock', 'doMock', 'stubGlobal', 'useFakeTimers'].includes(node.name.text)) found.push(node.getText());
    if (['context', 'ctx', 'task'].includes(owner) && node.name.text === 'skip') found.push(node.getText());
  });
  return found;
}

describe('tests', () => {
  it('are all switched on and mock no module', () => {
    const files = filesBelow('test');
    expect(files.length).toBeGreaterThan(5);
    expect(files.flatMap((path) => switches(parse(path)).map((text) => `${path}: ${text}`))).toEqual([]);
  });

  it('would be found out (this test can fail)', () => {
    const text = ['it', 'describe.each([])'].map((name) => `${name}.${'skip'}('x', () => {});`).join('\n');
    expect(switches(parse('x.ts', text))).toHaveLength(2);
    expect(switches(parse('x.ts', `vi.${'mock'}('./y.js')`))).toHaveLength(1);
  });
});
