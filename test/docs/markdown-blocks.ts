/** Fenced code blocks of the documents, with where they are. How blocks are marked is described in CONTRIBUTING.md. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Block {
  /** `README.md:12`, the line of the opening fence. */
  readonly at: string;
  /** `yaml`, `sh` …: the first word after the fence. */
  readonly language: string;
  /** The second word: `policy`, `gateway`, `test`, or empty. */
  readonly mark: string;
  readonly text: string;
}

/** README and the documents that people follow, except what is generated. */
export function documents(): readonly string[] {
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`);
  const all = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...below];
  return all.filter((path) => path.endsWith('.md') && !path.startsWith('docs/reference/') && existsSync(join(ROOT, path))).sort();
}

export function blocksOf(path: string, text = readFileSync(join(ROOT, path), 'utf8')): readonly Block[] {
  const found: Block[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const open = /^(\s*)(`{3,})\s*(\S*)[ \t]*(\S*)/.exec(lines[index] ?? '');
    if (open === null) continue;
    const [, indent = '', fence = '```', language = '', mark = ''] = open;
    const start = index;
    const body: string[] = [];
    for (index++; index < lines.length && lines[index]?.trim() !== fence; index++) body.push((lines[index] ?? '').slice(indent.length));
    found.push({ at: `${path}:${start + 1}`, language, mark, text: `${body.join('\n')}\n` });
  }
  return found;
}
