/**
 * Tells people and programs outside of gw. Each receiver gets each notice with retries and growing pauses, and under one id, so that a
 * repetition is known as one. What cannot be delivered is said in the log and given up: nothing waits for a notice, a request is decided in
 * gw. Queues are bounded, in number and in time; secrets are read for each attempt.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ApprovalRecord } from '../contract/approval.js';
import type { NotifySettings } from '../contract/settings.js';
import { type Delivery, isForPeople, type Notice, noticeOf, type ReadSecret } from './notices.js';
import { sendMail } from './send-mail.js';
import { postSigned, postSlack } from './webhook-post.js';

export interface NotifierOptions {
  readonly gateway: string;
  settings(): NotifySettings;
  readonly secret: ReadSecret;
  readonly clock: Clock;
  readonly logger: Logger;
  /** First pause before a repetition; each further one is twice as long. */
  readonly pauseMs?: number;
}

const ATTEMPTS = 7;
const PAUSE_MS = 1_000;
/** Deliveries under way; more are dropped, and the log says so. */
const LIMIT = 2_000;

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Never throws and never waits. */
  changed(before: ApprovalRecord | null, after: ApprovalRecord): void {
    const { clock, gateway, secret, settings } = this.#options;
    const notice = noticeOf(before, after, clock.now());
    if (notice === null) return;
    const { webhooks, slack, email } = settings();
    for (const each of webhooks) this.#start(`webhook ${each.name}`, notice, () => postSigned(each, notice, gateway, clock.now(), secret));
    if (!isForPeople(notice)) return;
    for (const each of slack) this.#start(`slack ${each.name}`, notice, () => postSlack(each, notice, secret));
    for (const each of email) this.#start(`email ${each.name}`, notice, () => sendMail(each, notice, gateway, secret));
  }

  #start(receiver: string, notice: Notice, deliver: () => Promise<Delivery>): void {
    const about = { receiver, notice: notice.id, event: notice.event };
    if (this.#running.size >= LIMIT) {
      this.#options.logger.error(about, 'a notice was dropped: too many wait to be delivered');
      return;
    }
    const run = this.#deliver(about, deliver).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #deliver(about: object, deliver: () => Promise<Delivery>): Promise<void> {
    const { logger } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const outcome = await deliver().catch((err: unknown): Delivery => {
        logger.debug({ ...about, err, attempt }, 'a notice could not be delivered; it is tried again');
        return 'later';
      });
      if (outcome === 'delivered') return;
      if (outcome === 'refused') break;
      if (attempt < ATTEMPTS && !(await this.#pause((this.#options.pauseMs ?? PAUSE_MS) * 2 ** (attempt - 1)))) break;
    }
    logger.error(about, 'a notice was not delivered, and is given up');
  }

  /** False: the gateway stops. */
  #pause(ms: number): Promise<boolean> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve(!signal.aborted);
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  /** Gives up pauses; what is on its way may arrive. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }
}
