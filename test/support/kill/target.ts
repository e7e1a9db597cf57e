/**
 * The PostgreSQL server behind the gateway in a run with kills. It logs every statement that it executes, which is the evidence that the
 * gateway's record is held against; it can lose a backend or be killed as a whole, and comes back on its port with its data.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../../src/base/logger.js';
import { Secret } from '../../../src/base/secret.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/store/embedded-postgres.js';
import { eventually } from '../../store/state-server.js';
import { childProcesses } from '../process-list.js';
import { query, RawClient, rowsOf } from '../raw-client.js';
import type { SeededRandom } from './seeded-random.js';

/** A statement as the server says that it executes it. */
export interface ExecutedStatement {
  readonly text: string;
  /** The server's rendering of the parameters; empty without any. */
  parameters: string;
  readonly extended: boolean;
  /** Further rows of a portal that has begun before. */
  readonly continued: boolean;
}

/** Ends what hangs. */
const PATIENCE_MS = 120_000;
const LINE = /^(\d+)\|(.*?)\| (\w+): {2}(.*)$/;
const EXECUTE = /^execute (fetch from )?[^:]+: (.*)$/;
/** Application name of the harness's own connections, which do not go through the gateway. */
const HARNESS = 'harness';
/** The gateway's own looks at the catalog, which are nobody's operation. */
const LOOKS = 'gw catalog';
const SETTINGS = {
  fsync: 'off',
  max_connections: '200',
  log_statement: 'all',
  log_line_prefix: '%p|%a| ',
  log_parameter_max_length: '200',
};

export class KillTarget {
  executed: ExecutedStatement[] = [];
  readonly username = 'owner';
  readonly password = 'owner-password';
  readonly #dir: string;
  #server: EmbeddedPostgres | null = null;
  #port = 0;
  #ready = 0;
  /** Each process's last statement, to which its DETAIL line belongs. */
  readonly #last = new Map<string, ExecutedStatement>();
  #marks = new Set<string>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async start(): Promise<KillTarget> {
    const dir = await mkdtemp(join(tmpdir(), 'gw-kill-'));
    await chmod(dir, 0o755);
    const target = new KillTarget(dir);
    await target.#launch();
    return target;
  }

  get port(): number {
    return this.#port;
  }

  /** Rows of a statement, on a connection of its own. */
  async rows(text: string): Promise<(string | null)[][]> {
    const client = await RawClient.login(this.#port, this.username, this.password, 'postgres', { application_name: HARNESS });
    try {
      return rowsOf(await client.run(query(text)));
    } finally {
      client.close();
    }
  }

  /** Kills one process that serves a connection of the gateway: the server ends all its connections and starts anew. False: there was none. */
  async killBackend(random: SeededRandom): Promise<boolean> {
    const backends = this.#backends();
    if (backends.length === 0) return false;
    const before = this.#ready;
    if (!kill(random.pick(backends))) return false;
    await eventually('the target has recovered from the loss of a backend', () => this.#ready > before, PATIENCE_MS);
    return true;
  }

  /** Kills the server's first process; the others see that and end. Starts it again. */
  async killServer(): Promise<void> {
    const server = this.#server;
    if (server === null || !kill(server.pid)) throw new TypeError('the target does not run');
    await server.exited;
    await this.#launch();
  }

  /** Waits until nothing of the gateway runs here any more and the log has been read up to now. */
  async settle(): Promise<void> {
    await eventually('the target has no connection of the gateway', () => this.#backends().length === 0, PATIENCE_MS);
    const mark = `mark ${performance.now()}`;
    await this.rows(`select '${mark}'`);
    await eventually('the log of the target is read', () => this.#marks.has(mark), PATIENCE_MS);
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const heard = (fields: object): void => this.#line(String((fields as { line?: unknown }).line ?? ''));
    const logger: Logger = { debug: heard, info: heard, warn: heard, error: heard, child: () => logger } as unknown as Logger;
    this.#server = await startEmbeddedPostgres({
      dir: join(this.#dir, 'data'),
      port: this.#port,
      superuser: this.username,
      password: new Secret(this.password),
      settings: SETTINGS,
      logger,
    });
    this.#port = this.#server.port;
  }

  #line(line: string): void {
    const [, pid = '', application = '', level = '', words = ''] = LINE.exec(line) ?? [];
    if (words.includes('database system is ready to accept connections')) this.#ready++;
    if (level === 'DETAIL') {
      const last = this.#last.get(pid);
      if (last !== undefined && words.startsWith('Parameters: ')) last.parameters = words.slice('Parameters: '.length);
      return;
    }
    this.#last.delete(pid);
    const run = EXECUTE.exec(words);
    const simple = words.startsWith('statement: ') ? words.slice('statement: '.length) : null;
    if (level !== 'LOG' || (run === null && simple === null)) return;
    if (application === HARNESS) {
      const mark = /mark [\d.]+/.exec(words);
      if (mark !== null) this.#marks.add(mark[0]);
      return;
    }
    if (application === LOOKS) return;
    const statement: ExecutedStatement = { text: simple ?? run?.[2] ?? '', parameters: '', extended: run !== null, continued: run?.[1] !== undefined };
    this.executed.push(statement);
    this.#last.set(pid, statement);
  }

  #backends(): number[] {
    // `postgres: USER DATABASE ADDRESS(PORT) …`
    return childProcesses(this.#server?.pid ?? 0)
      .filter(({ command }) => command.includes(`: ${this.username} postgres 127.0.0.1(`))
      .map(({ pid }) => pid);
  }
}

/** False: there was no such process any more. */
export function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH') return false;
    throw thrown;
  }
}
