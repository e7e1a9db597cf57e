/** The sources as the architecture tests see them: paths, text, and syntax trees without comments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export const ROOT = join(import.meta.dirname, '..', '..');

/** Paths relative to the root, with `/`, of the files below `folder` whose name ends with `suffix`, in order. */
export function filesBelow(folder: string, suffix = '.ts'): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith(suffix))
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function parse(path: string, text = read(path)): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

/** Calls `visit` for every node of the tree, outermost first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The values of all string literals and of the fixed parts of templates. */
export function stringsOf(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)) found.push(node.text);
  });
  return found;
}

/** The names in a file, private ones without their mark, each as often as it stands there. */
export function identifiersOf(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) found.push(node.text.replace(/^#/, ''));
  });
  return found;
}

/** The texts of all comments. */
export function commentsOf(file: ts.SourceFile): readonly string[] {
  const found = new Map<number, string>();
  walk(file, (node) => {
    const [from, to] = [node.getFullStart(), node.getEnd()];
    for (const { pos, end } of [...(ts.getLeadingCommentRanges(file.text, from) ?? []), ...(ts.getTrailingCommentRanges(file.text, to) ?? [])])
      found.set(pos, file.text.slice(pos, end));
  });
  return [...found.values()];
}
