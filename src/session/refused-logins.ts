/**
 * Refused logins on their way to the audit log. Anybody can cause them, so their number is bounded: within a minute so many of one address
 * and so many in all are recorded each, the others and all that were throttled are counted, and one record says how many. Nobody waits for
 * these records: a refusal stands whether or not it can be written, and a log that is slow delays no connection.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { GwError } from '../contract/gw-error.js';
import type { LoginAudit, RefusedLogin } from './path-services.js';

const WINDOW_MS = 60_000;
/** Records of their own within a window. One address must not use up what is there for all. */
const PER_ADDRESS = 30;
const IN_ALL = 600;

export interface RefusedLoginsOptions {
  readonly audit: LoginAudit;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class RefusedLogins {
  readonly #options: RefusedLoginsOptions;
  readonly #byAddress = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #since = 0;
  #recorded = 0;
  #counted = 0;
  #throttled = 0;
  /** Records that are being written. */
  #writing = 0;

  constructor(options: RefusedLoginsOptions) {
    this.#options = options;
  }

  /** Never throws and never waits. `error` is what the peer was told. */
  note(address: string, via: string, error: GwError): void {
    const { clock, logger } = this.#options;
    if (this.#timer !== null && clock.monotonic() - this.#since >= WINDOW_MS) this.stop();
    if (this.#timer === null) {
      this.#since = clock.monotonic();
      this.#timer = setTimeout(() => this.stop(), WINDOW_MS);
      this.#timer.unref();
    }
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const throttled = error.code === 'login.throttled';
    if (throttled) this.#throttled++;
    if (throttled || ofAddress >= PER_ADDRESS || this.#recorded >= IN_ALL || this.#writing >= IN_ALL) {
      this.#counted++;
      return;
    }
    this.#recorded++;
    this.#byAddress.set(address, ofAddress + 1);
    logger.warn({ address, via, error: error.code, message: error.message }, 'login refused');
    void this.#write({ address, via, code: error.code, message: error.message, count: 1 });
  }

  /** Ends the window: what was only counted is recorded now, in one. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const [count, throttled] = [this.#counted, this.#throttled];
    this.#byAddress.clear();
    this.#recorded = this.#counted = this.#throttled = 0;
    if (count === 0) return;
    this.#options.logger.warn({ count, throttled }, 'logins refused, too many to be written singly');
    void this.#write({ count, throttled });
  }

  async #write(login: RefusedLogin): Promise<void> {
    this.#writing++;
    try {
      await this.#options.audit.record('login.refused', login);
    } catch (err) {
      this.#options.logger.error({ err, count: login.count }, 'a refused login could not be written to the audit log');
    } finally {
      this.#writing--;
    }
  }
}
