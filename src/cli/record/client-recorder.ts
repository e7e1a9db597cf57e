/**
 * Records what a program shows while it uses targets. The recording belongs to the sessions that are opened meanwhile: they carry its id. What it
 * shows leaves gw only after it is in the spool; when that fails the program is ended.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { TERMINAL_EVENT } from '../../base/terminal-events.js';
import { GwError } from '../../contract/gw-error.js';
import type { Connection } from '../connection.js';
import { sayWarning } from '../failure.js';
import { gatewayFileName } from '../profile/paths.js';
import { listSpool, SpoolWriter } from './spool.js';
import { isOfOneRecording, uploadRecording } from './upload-recordings.js';

export interface RecordedTerminal {
  readonly cols: number;
  readonly rows: number;
  readonly term: string;
}

export type RecordedEnd = { readonly code: number } | { readonly signal: string };

/** Pieces of output in one event. */
const PIECE = 256 * 1024;

/** Where recordings of one gateway wait. */
export function spoolDirectory({ settings, gateway }: Pick<Connection, 'settings' | 'gateway'>): string {
  return join(settings.paths.state, 'recordings', gatewayFileName(gateway));
}

export class ClientRecorder {
  readonly id: string;
  readonly #connection: Connection;
  readonly #spool: SpoolWriter;
  readonly #begun = performance.now();
  /** Sessions that were opened before the program began. */
  #early: string[] | null = [];
  #ended = false;

  private constructor(id: string, connection: Connection, spool: SpoolWriter) {
    this.id = id;
    this.#connection = connection;
    this.#spool = spool;
  }

  static async begin(connection: Connection, targets: readonly string[]): Promise<ClientRecorder> {
    const { id, key } = await connection.client.beginRecording(targets);
    const spool = await SpoolWriter.create(spoolDirectory(connection), { id, key: Buffer.from(key, 'base64'), targets, now: connection.clock.now() });
    return new ClientRecorder(id, connection, spool);
  }

  begins(command: string, { cols, rows, term }: RecordedTerminal): void {
    this.#write(TERMINAL_EVENT.begin, JSON.stringify({ command, cols, rows, term }));
    const early = this.#early ?? [];
    this.#early = null;
    for (const session of early) this.session(session);
  }

  output(bytes: Buffer): void {
    this.#pieces(TERMINAL_EVENT.output, bytes);
  }

  error(bytes: Buffer): void {
    this.#pieces(TERMINAL_EVENT.error, bytes);
  }

  resize(cols: number, rows: number): void {
    this.#write(TERMINAL_EVENT.resize, `${cols}x${rows}`);
  }

  session(id: string): void {
    if (this.#early !== null) this.#early.push(id);
    else this.#write(TERMINAL_EVENT.session, id);
  }

  /** The program has ended; null: it never ran. Its recording is uploaded, and then what else waits here; what cannot be now waits on. */
  async end(end: RecordedEnd | null): Promise<void> {
    if (this.#ended) return;
    if (this.#early !== null) this.begins('', { cols: 80, rows: 24, term: '' });
    if (end !== null) this.#write(TERMINAL_EVENT.exit, JSON.stringify(end));
    this.#ended = true;
    this.#spool.close();
    const all = await listSpool(spoolDirectory(this.#connection));
    const waiting = [...all.filter(({ id }) => id === this.id), ...all.filter(({ id, live }) => id !== this.id && !live)];
    for (const spooled of waiting) {
      try {
        const { problems } = await uploadRecording(spooled, this.#connection.client);
        if (problems.length > 0) sayWarning(`The recording ${spooled.id} differs from the gateway's record: ${problems.join('; ')}.`);
      } catch (thrown) {
        const error = GwError.from(thrown);
        sayWarning(`The recording ${spooled.id} waits on this machine: ${error.message} \`gw recordings upload\` tries again.`);
        if (!isOfOneRecording(error)) return;
      }
    }
  }

  #pieces(code: number, bytes: Buffer): void {
    for (let from = 0; from < bytes.length; from += PIECE) this.#write(code, bytes.subarray(from, from + PIECE));
  }

  #write(code: number, data: Buffer | string): void {
    if (this.#ended) return;
    this.#spool.write({ code, at: Math.floor(performance.now() - this.#begun), data: typeof data === 'string' ? Buffer.from(data, 'utf8') : data });
  }
}
