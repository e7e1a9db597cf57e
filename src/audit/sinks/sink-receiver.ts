/** What a sink gives its records to. One implementation for each kind of receiver; all else is the runner's. */
import type { AuditEntry } from '../../contract/audit-entry.js';
import { GwError } from '../../contract/gw-error.js';

export interface SinkRecord {
  readonly entry: AuditEntry;
  /** One JSON document without line breaks, in the format of the sink. */
  readonly json: string;
}

export interface SinkReceiver {
  /** Records of one batch, at most. */
  readonly most: number;
  /**
   * Resolves when the receiver has all records: what it was told may be forgotten then. In the order of their log, of one log only.
   * @throws whatever kept it from that; the whole batch is given again then, for as long as it takes
   */
  deliver(records: readonly SinkRecord[], stopped: AbortSignal): Promise<void>;
}

/** The receiver would take fewer records. */
export class BatchTooLarge extends GwError {
  readonly records: number;

  constructor(records: number) {
    super('sink.unavailable', `The receiver does not take ${records} records at once.`);
    this.records = records;
  }
}
