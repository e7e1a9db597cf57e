/**
 * The primary's view of its workers: forks them (node:cluster, round robin over shared ports), gives each its assignment, starts a crashed
 * one again with a growing delay, and relays reload, drain and metrics. Workers start one after the other when they recover journals, so
 * that no two processes recover the same one. Keep this small: its memory counts for every gateway.
 */
import cluster, { type Worker } from 'node:cluster';
import { newId } from '../base/id.js';
import type { Logger } from '../base/logger.js';
import type { ErrorCode } from '../contract/error-catalogue.js';
import { type ErrorBody, GwError } from '../contract/gw-error.js';
import { MetricsRelay } from './metrics-relay.js';
import { followConnections } from './unanswered-connections.js';
import type { GatewaySummary, ToPrimary, ToWorker, WorkerAddresses, WorkerAssignment } from './worker-messages.js';

export interface WorkerPoolOptions {
  readonly script: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  /** Added to the environment of the primary. */
  readonly env: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Called once, with what the first worker read; gives what all workers are to be told. */
  readonly prepare: (summary: GatewaySummary) => Promise<Pick<WorkerAssignment, 'stateUrl' | 'ports' | 'ticketKeys'>>;
}

interface Member {
  readonly worker: Worker;
  readonly journal: string;
  readonly startedAt: number;
  ready: boolean;
  summary: GatewaySummary | null;
  settled: ((failure: GwError | null) => void) | null;
  reloaded: ((error: ErrorBody['error'] | null) => void) | null;
}

const DELAY_FIRST_MS = 100;
const DELAY_MOST_MS = 10_000;
/** A worker that lived this long was healthy: the next restart is immediate again. */
const HEALTHY_MS = 60_000;

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #members = new Map<number, Member>();
  readonly #metrics = new MetricsRelay();
  readonly #timers = new Set<NodeJS.Timeout>();
  #shared: Promise<Pick<WorkerAssignment, 'stateUrl' | 'ports' | 'ticketKeys'>> | null = null;
  #addresses: WorkerAddresses | null = null;
  #policy = '';
  #starting: Promise<unknown> = Promise.resolve();
  #delayMs = DELAY_FIRST_MS;
  #stopping = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    cluster.setupPrimary({ exec: options.script, args: [...options.args], execArgv: [...options.execArgv], silent: false });
  }

  /** Process ids of the workers that are ready. */
  get pids(): number[] {
    return [...this.#members.values()].flatMap((member) => (member.ready && member.worker.process.pid !== undefined ? [member.worker.process.pid] : []));
  }

  /** Starts the first worker, which recovers and migrates, then the others together. @throws GwError what kept a worker from starting */
  async start(): Promise<{ readonly summary: GatewaySummary; readonly addresses: WorkerAddresses; readonly policy: string }> {
    const first = await this.#startOne(true);
    if (first.summary === null || this.#addresses === null) throw new GwError('internal.error', 'The first worker said nothing of its configuration.');
    await Promise.all(Array.from({ length: first.summary.workers - 1 }, () => this.#startOne(false)));
    return { summary: first.summary, addresses: this.#addresses, policy: this.#policy };
  }

  /** Every worker reads configuration, policy and certificate again. Gives the first refusal; the old ones then stay in force. */
  async reload(): Promise<ErrorBody['error'] | null> {
    const answers = await Promise.all(
      [...this.#members.values()]
        .filter((member) => member.ready)
        .map(
          (member) =>
            new Promise<ErrorBody['error'] | null>((resolve) => {
              member.reloaded = resolve;
              this.#send(member, { kind: 'reload' });
            }),
        ),
    );
    return answers.find((answer) => answer !== null) ?? null;
  }

  /** Resolves when every worker is gone: sessions get until the deadline, then a few seconds to say goodbye, then the process is killed. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const gone = [...this.#members.values()].map((member) => new Promise<void>((resolve) => member.worker.once('exit', () => resolve())));
    for (const member of this.#members.values()) {
      if (member.ready) this.#send(member, { kind: 'drain', deadlineMs });
      else member.worker.process.kill('SIGKILL');
    }
    const killer = setTimeout(() => {
      for (const member of this.#members.values()) member.worker.process.kill('SIGKILL');
    }, deadlineMs + 10_000);
    await Promise.all(gone);
    clearTimeout(killer);
  }

  /** Shortens a drain that runs. */
  hurry(deadlineMs: number): void {
    for (const member of this.#members.values()) this.#send(member, { kind: 'drain', deadlineMs });
  }

  async #startOne(recover: boolean): Promise<Member> {
    if (!recover) return this.#fork(false);
    const started = this.#starting.then(() => this.#fork(true));
    this.#starting = started.catch(() => null);
    return started;
  }

  #fork(recover: boolean): Promise<Member> {
    return new Promise((resolve, reject) => {
      const worker = cluster.fork({ ...this.#options.env });
      const member: Member = { worker, journal: newId('wrk'), startedAt: performance.now(), ready: false, summary: null, settled: null, reloaded: null };
      member.settled = (failure) => {
        member.settled = null;
        if (failure === null) resolve(member);
        else reject(failure);
      };
      this.#members.set(worker.id, member);
      worker.on('message', (message: ToPrimary) => this.#receive(member, message, recover));
      worker.on('error', (err) => this.#options.logger.error({ err, worker: worker.id }, 'a worker process cannot be reached'));
      const free = followConnections(worker.process);
      worker.once('exit', (code, signal) => {
        this.#exited(member, code, signal);
        // Only when everything that it said is read.
        const said = (): void => free([...this.#members.values()].some((each) => each.ready));
        if (worker.process.connected) worker.process.once('disconnect', said);
        else said();
      });
    });
  }

  #receive(member: Member, message: ToPrimary, recover: boolean): void {
    switch (message.kind) {
      case 'configured':
        member.summary = message.summary;
        for (const warning of message.warnings) if (this.#shared === null) this.#options.logger.warn({}, warning);
        void this.#begin(member, message.summary, recover);
        return;
      case 'ready':
        member.ready = true;
        this.#addresses = message.addresses;
        this.#policy = message.policy;
        member.settled?.(null);
        return;
      case 'failed':
        member.settled?.(new GwError(message.error.code as ErrorCode, message.error.message, { hint: message.error.hint, detail: message.error.detail ?? {} }));
        return;
      case 'reloaded':
        member.reloaded?.(message.error);
        member.reloaded = null;
        return;
      case 'collect-metrics': {
        const asked = [...this.#members.values()].filter((each) => each.ready);
        this.#metrics.collect(
          asked.map((each) => each.worker.id),
          (collection, id) => {
            const each = this.#members.get(id);
            if (each !== undefined) this.#send(each, { kind: 'send-metrics', collection });
          },
          (families) => this.#send(member, { kind: 'metrics-of-all', request: message.request, families }),
        );
        return;
      }
      case 'metrics':
        this.#metrics.received(message.collection, member.worker.id, message.families);
        return;
      default:
        message satisfies never;
    }
  }

  async #begin(member: Member, summary: GatewaySummary, recover: boolean): Promise<void> {
    try {
      this.#shared ??= this.#options.prepare(summary);
      const shared = await this.#shared;
      const aliveJournals = [...this.#members.values()].map((each) => each.journal);
      this.#send(member, { kind: 'begin', assignment: { ...shared, journal: member.journal, aliveJournals, recover } });
    } catch (thrown) {
      member.settled?.(GwError.from(thrown));
      member.worker.process.kill('SIGKILL');
    }
  }

  #exited(member: Member, code: number | null, signal: string | null): void {
    this.#members.delete(member.worker.id);
    this.#metrics.gone(member.worker.id);
    member.reloaded?.(null);
    const failure = new GwError('gateway.start', `A worker process ended before it was ready (${signal ?? `exit status ${code}`}).`);
    const wasReady = member.ready;
    member.settled?.(failure);
    if (this.#stopping || !wasReady) return;
    this.#options.logger.error(
      { pid: member.worker.process.pid, code, signal, journal: member.journal },
      'a worker process ended unexpectedly; starting another',
    );
    if (performance.now() - member.startedAt > HEALTHY_MS) this.#delayMs = DELAY_FIRST_MS;
    this.#restart();
  }

  #restart(): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#delayMs = Math.min(DELAY_MOST_MS, this.#delayMs * 2);
      this.#startOne(true).then(
        (member) => this.#options.logger.info({ pid: member.worker.process.pid, journal: member.journal }, 'a worker process took the place of one that ended'),
        (err: unknown) => {
          this.#options.logger.error({ err }, 'a worker process could not be started; trying again');
          if (!this.#stopping) this.#restart();
        },
      );
    }, this.#delayMs);
    this.#timers.add(timer);
  }

  #send(member: Member, message: ToWorker): void {
    if (!member.worker.isConnected()) return;
    member.worker.send(message, (err: Error | null) => {
      if (err !== null) this.#options.logger.debug({ err, message: message.kind }, 'a message to a worker was not delivered');
    });
  }
}
