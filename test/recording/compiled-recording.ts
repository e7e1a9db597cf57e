/** The recording domain compiled to JavaScript in a directory of its own: child processes and worker threads of this Node run no TypeScript. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '..', '..');

export interface Compiled extends AsyncDisposable {
  readonly recording: string;
  /** Compiles one more file of this folder next to it. */
  add(name: string): Promise<string>;
}

/** Lies inside the repository (ignored by git), so that packages are found. */
export async function compileRecording(): Promise<Compiled> {
  await mkdir(join(root, 'tmp'), { recursive: true });
  const out = await mkdtemp(join(root, 'tmp', 'recording-'));
  for (const domain of ['base', 'contract', 'recording']) {
    for (const each of await readdir(join(root, 'src', domain), { recursive: true, withFileTypes: true })) {
      if (!each.isFile() || !each.name.endsWith('.ts')) continue;
      const folder = join(out, relative(root, each.parentPath));
      await mkdir(folder, { recursive: true });
      await compile(join(each.parentPath, each.name), join(folder, each.name));
    }
  }
  return {
    recording: join(out, 'src', 'recording', 'index.js'),
    add: async (name) => {
      await mkdir(join(out, 'test', 'recording'), { recursive: true });
      return compile(join(import.meta.dirname, name), join(out, 'test', 'recording', name));
    },
    [Symbol.asyncDispose]: () => rm(out, { recursive: true, force: true }),
  };
}

async function compile(from: string, to: string): Promise<string> {
  const { outputText } = ts.transpileModule(await readFile(from, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  const path = to.replace(/\.ts$/, '.js');
  await writeFile(path, outputText);
  return path;
}
