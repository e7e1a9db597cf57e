/** docs/adding-a-protocol.md names every member of the interfaces that an island implements or is given, so that it cannot fall behind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './markdown-blocks.js';

const CONTRACT = 'src/contract/protocol.ts';
const guide = readFileSync(join(ROOT, 'docs/adding-a-protocol.md'), 'utf8');
const code = new Set([...guide.matchAll(/`([A-Za-z]+)`/g)].map((match) => match[1] ?? ''));

function membersOf(name: string): readonly string[] {
  const file = ts.createSourceFile(CONTRACT, readFileSync(join(ROOT, CONTRACT), 'utf8'), ts.ScriptTarget.ES2022, true);
  const declaration = file.statements.find((statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name);
  if (declaration === undefined || !ts.isInterfaceDeclaration(declaration)) throw new Error(`${CONTRACT} has no interface ${name}`);
  return declaration.members.map((member) => member.name?.getText(file) ?? '');
}

describe('docs/adding-a-protocol.md', () => {
  it.each(['Protocol', 'ProtocolDescriptor', 'Engine', 'EngineContext', 'Guard'])('names each member of %s', (name) => {
    const members = membersOf(name).filter((member) => member !== 'descriptor');
    expect(members.length).toBeGreaterThan(5);
    expect(members.filter((member) => !code.has(member))).toEqual([]);
  });
});
