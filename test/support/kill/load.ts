/**
 * Clients at work: a number of places, each with one client process after the other (psql, node-postgres, or one that speaks the protocol
 * byte for byte), until told to hold. Any of them can be killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../build-cli.js';
import { psqlScript } from './script.js';
import type { SeededRandom } from './seeded-random.js';
import { kill } from './target.js';

const PROGRAM = ['raw-client.ts', 'kill/client-program.ts', 'kill/script.ts', 'kill/seeded-random.ts'];
const KINDS = ['psql', 'psql', 'psql', 'wire', 'wire', 'driver'] as const;

export interface LoadOptions {
  readonly port: number;
  readonly token: string;
  readonly targets: readonly string[];
  readonly places: number;
  readonly random: SeededRandom;
}

export class Load {
  /** Clients started so far, by kind. */
  readonly started: Record<string, number> = {};
  readonly #options: LoadOptions;
  readonly #dir: string;
  readonly #running = new Map<number, ChildProcess>();
  #client = 0;
  #on = false;
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | null = null;
  #places: Promise<void>[] = [];

  private constructor(options: LoadOptions, dir: string) {
    this.#options = options;
    this.#dir = dir;
  }

  /** Compiles the client once: child processes of this Node run no TypeScript. Inside the repository, so that packages are found. */
  static async prepare(options: LoadOptions): Promise<Load> {
    await mkdir(join(ROOT, 'tmp'), { recursive: true });
    const dir = await mkdtemp(join(ROOT, 'tmp', 'kill-'));
    for (const name of PROGRAM) {
      const { outputText } = ts.transpileModule(await readFile(join(ROOT, 'test', 'support', name), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
      });
      const path = join(dir, name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, outputText);
    }
    return new Load(options, dir);
  }

  begin(): void {
    this.#on = true;
    this.resume();
    this.#places = Array.from({ length: this.#options.places }, () => this.#place());
  }

  /** Starts no more clients until `resume`. */
  pause(): void {
    if (this.#gate !== null) return;
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opened, open };
  }

  resume(): void {
    this.#gate?.open();
    this.#gate = null;
  }

  /** Starts no more clients until `begin`. */
  hold(): void {
    this.#on = false;
    this.resume();
  }

  /** Resolves when no client runs. */
  async idle(): Promise<void> {
    await Promise.all(this.#places);
  }

  /** Kills a client. False: none runs. */
  killOne(): boolean {
    const running = [...this.#running.values()].filter((child) => child.exitCode === null && child.signalCode === null);
    if (running.length === 0) return false;
    return kill(this.#options.random.pick(running).pid ?? 0);
  }

  async close(): Promise<void> {
    this.hold();
    for (const child of this.#running.values()) child.kill('SIGKILL');
    await this.idle();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #place(): Promise<void> {
    for (;;) {
      await this.#gate?.opened;
      if (!this.#on) return;
      const client = ++this.#client;
      const child = this.#spawn(client);
      this.#running.set(client, child);
      await once(child, 'close');
      this.#running.delete(client);
    }
  }

  #spawn(client: number): ChildProcess {
    const { random, port, token, targets } = this.#options;
    const kind = random.pick(KINDS);
    const target = random.pick(targets);
    const operations = random.int(20, 150);
    this.started[kind] = (this.started[kind] ?? 0) + 1;
    const env = { PATH: process.env['PATH'] ?? '', PGPASSWORD: token, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable', PGAPPNAME: 'psql' };
    if (kind !== 'psql') {
      const task = { port, target, client, seed: random.int(1, 1e9), kind, operations };
      return spawn(process.execPath, [join(this.#dir, 'kill', 'client-program.js'), JSON.stringify(task)], { env, stdio: 'ignore' });
    }
    const child = spawn('psql', ['-X', '-q', '-h', '127.0.0.1', '-p', String(port), '-U', target, '-d', 'postgres'], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // A psql that is killed does not read to the end.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(psqlScript(client, random, operations));
    return child;
  }
}
