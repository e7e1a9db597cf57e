/** What the channels of one connection keep together behind questions. One question makes all of them wait that ask, so a bound for each is not enough. */
import { WAITING_BYTES_TOGETHER } from './codec/limits.js';
import { broken } from './codec/wire.js';

export class WaitingBytes {
  #bytes = 0;

  /** @throws GwError `protocol.violation` where there would be too many */
  take(bytes: number): void {
    if (this.#bytes + bytes > WAITING_BYTES_TOGETHER) throw broken('more than may wait on one connection');
    this.#bytes += bytes;
  }

  /** So many wait no more. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
