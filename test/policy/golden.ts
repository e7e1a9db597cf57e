/**
 * Golden files: `---- WORD NAME` starts a section. Policies and questions go in; `decision` and `error` sections are what must come out.
 * `GOLDEN_UPDATE=1` rewrites the latter, to be read in the diff.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Section {
  readonly word: string;
  readonly name: string;
  readonly body: string;
}

const GOLDEN = new URL('../golden/policy/', import.meta.url).pathname;

export function goldenFiles(): string[] {
  return readdirSync(GOLDEN)
    .filter((name) => name.endsWith('.golden'))
    .sort();
}

export function readSections(name: string): Section[] {
  const text = readFileSync(join(GOLDEN, name), 'utf8');
  return text
    .split(/^---- /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const [word = '', ...rest] = part.slice(0, end).split(' ');
      return { word, name: rest.join(' '), body: part.slice(end + 1) };
    });
}

export function writeSections(name: string, sections: readonly Section[]): void {
  const head = readFileSync(join(GOLDEN, name), 'utf8').split(/^---- /m)[0] ?? '';
  const text = sections.map((section) => `---- ${`${section.word} ${section.name}`.trim()}\n${section.body}`).join('');
  writeFileSync(join(GOLDEN, name), head + text);
}
