/**
 * The journal's side of one of its worker threads. The thread starts at the first job, holds the process open only while a job runs, and may be
 * absent (running from TypeScript sources) or die: then every job that it had fails at once and `available` is false from then on, so
 * that callers do the work themselves, more slowly but no less surely.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../base/logger.js';
import { ownProgram } from '../base/own-program.js';
import type { WorkerOptions, WorkerReply, WorkerRequest } from './hash-worker.js';

const PROGRAM = ownProgram('recording/hash-worker');

export class BackgroundThread {
  readonly #logger: Logger;
  /** Jobs under way: what to do with the reply, or with null when the thread is lost. */
  readonly #jobs = new Map<number, (reply: WorkerReply | null) => void>();
  #worker: Worker | null = null;
  #next = 1;
  #available = existsSync(PROGRAM);

  readonly #data: WorkerOptions;

  constructor(logger: Logger, data: WorkerOptions) {
    this.#logger = logger;
    this.#data = data;
  }

  get available(): boolean {
    return this.#available;
  }

  /** Hashes `length` bytes of the thread's memory from `offset` on. They must stay as they are until `done`. */
  chunk(offset: number, length: number, done: (reply: WorkerReply | null) => void): void {
    this.#post({ kind: 'chunk', id: this.#next++, offset, length }, done);
  }

  seal(path: string, final: boolean, time: number, done: (reply: WorkerReply | null) => void): void {
    this.#post({ kind: 'seal', id: this.#next++, path, final, time }, done);
  }

  async close(): Promise<void> {
    this.#available = false;
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) await worker.terminate();
  }

  #post(request: WorkerRequest, done: (reply: WorkerReply | null) => void): void {
    const worker = this.#worker ?? this.#start();
    if (this.#jobs.size === 0) worker.ref();
    this.#jobs.set(request.id, done);
    worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM, { name: 'gw-journal', stdout: false, stderr: false, workerData: this.#data });
    worker.on('message', (reply: WorkerReply) => {
      const done = this.#jobs.get(reply.id);
      this.#jobs.delete(reply.id);
      if (this.#jobs.size === 0) worker.unref();
      done?.(reply);
    });
    worker.on('error', (error) => this.#logger.error({ err: error }, 'the journal worker thread failed; hashing goes on without it'));
    worker.on('exit', () => this.#lost());
    this.#worker = worker;
    return worker;
  }

  #lost(): void {
    this.#available = false;
    this.#worker = null;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const done of jobs) done(null);
  }
}
