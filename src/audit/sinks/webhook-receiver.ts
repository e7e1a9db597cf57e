/**
 * A sink that posts batches to a webhook, signed like the notices of approvals. Any answer of the kind 2xx is delivery; everything else is tried again:
 * an entry of the log is never given up. The id of a batch is the same for each attempt as long as the batch is.
 */
import type { Clock } from '../../base/clock.js';
import { GwError } from '../../contract/gw-error.js';
import type { SecretSource, SinkFormat, WebhookSinkSettings } from '../../contract/settings.js';
import { BatchTooLarge, type SinkReceiver, type SinkRecord } from './sink-receiver.js';

const RECORDS = 500;
const TOO_LARGE = 413;

/** Posts a body under a signature; gives the status of the answer. */
export type PostSigned = (
  to: { readonly url: SecretSource; readonly secret: SecretSource; readonly ca: string | null },
  body: string,
  headers: Readonly<Record<string, string>>,
  at: number,
  stopped: AbortSignal,
) => Promise<number>;

export interface WebhookContext {
  readonly sink: string;
  readonly gateway: string;
  readonly format: SinkFormat;
  readonly post: PostSigned;
  readonly clock: Clock;
}

export function webhookReceiver(settings: WebhookSinkSettings, { sink, gateway, format, post, clock }: WebhookContext): SinkReceiver {
  return {
    most: RECORDS,
    deliver: async (records, stopped) => {
      const { log, first, last } = rangeOf(records);
      const head = JSON.stringify({ version: 1, gateway, sink, format, log, first, last });
      const body = `${head.slice(0, -1)},"events":[${records.map(({ json }) => json).join(',')}]}`;
      const headers = { 'idempotency-key': `${log}.${first}-${last}`, 'gw-event': 'audit.entries' };
      const status = await post(settings, body, headers, clock.now(), stopped);
      if (status === TOO_LARGE && records.length > 1) throw new BatchTooLarge(records.length);
      if (status < 200 || status > 299) throw new GwError('sink.unavailable', `The webhook answered with status ${status}.`);
    },
  };
}

function rangeOf(records: readonly SinkRecord[]): { readonly log: string; readonly first: number; readonly last: number } {
  const [first, last] = [records[0]?.entry, records.at(-1)?.entry];
  if (first === undefined || last === undefined) throw new GwError('internal.error', 'A batch of a sink is empty.');
  return { log: first.log, first: first.n, last: last.n };
}
