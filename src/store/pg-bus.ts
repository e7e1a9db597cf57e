/**
 * Events between the processes of one deployment, over LISTEN/NOTIFY on a connection of its own. Delivery is at most once: while the
 * connection is away events are lost, so `onResync` runs after every reconnect and the receiver then looks at the store. A connection
 * that is silently dead is found by a query every few seconds. Payloads come from the shared database; still they are checked for shape.
 */
import type { Client, ClientConfig } from 'pg';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import type { Bus, BusEvent } from '../contract/session-store.js';
import { decodeBusEvent, encodeBusEvent } from './bus-event.js';
import { storeError } from './store-error.js';

const CHANNEL = 'gw_bus';
const HEARTBEAT_MS = 3_000;
const ANSWER_MS = 3_000;
const RETRY_FIRST_MS = 50;
const RETRY_MOST_MS = 2_000;

export interface PgBusOptions {
  /** A new, unconnected client. */
  readonly connect: (config: ClientConfig) => Client;
  /** Sends one query through the pool. */
  readonly run: (sql: string, value: string) => Promise<unknown>;
  readonly logger: Logger;
}

export class PgBus implements Bus {
  readonly #options: PgBusOptions;
  readonly #listeners: ((event: BusEvent) => void)[] = [];
  readonly #resyncs: (() => void)[] = [];
  #client: Client | null = null;
  #timer: NodeJS.Timeout | null = null;
  #retryMs = RETRY_FIRST_MS;
  #closed = false;
  #wasConnected = false;

  constructor(options: PgBusOptions) {
    this.#options = options;
  }

  /** Whether events arrive at the moment. */
  get connected(): boolean {
    return this.#client !== null;
  }

  /** Runs after every reconnect: events may have been missed. */
  onResync(listener: () => void): void {
    this.#resyncs.push(listener);
  }

  subscribe(listener: (event: BusEvent) => void): void {
    this.#listeners.push(listener);
  }

  async publish(event: BusEvent): Promise<void> {
    const payload = encodeBusEvent(event);
    try {
      await this.#options.run(`select pg_catalog.pg_notify('${CHANNEL}', $1)`, payload);
    } catch (cause) {
      throw storeError(cause);
    }
  }

  /** The first connection. @throws GwError `store.unavailable`; afterwards the bus reconnects by itself. */
  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (cause) {
      throw storeError(cause);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = null;
    if (client !== null) await client.end().catch((err: unknown) => this.#options.logger.debug({ err }, 'bus connection did not close cleanly'));
  }

  async #connect(): Promise<void> {
    const client = this.#options.connect({ keepAlive: true, connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS });
    // Without a listener an error of an idle connection would end the process.
    client.on('error', (err) => this.#lost(client, err));
    client.on('end', () => this.#lost(client, null));
    client.on('notification', (message) => {
      if (message.channel === CHANNEL) this.#deliver(message.payload ?? '');
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (thrown) {
      void client.end().catch((err: unknown) => this.#options.logger.debug({ err }, 'bus connection did not close cleanly'));
      throw thrown;
    }
    if (this.#closed) {
      await client.end();
      return;
    }
    this.#client = client;
    this.#retryMs = RETRY_FIRST_MS;
    this.#arm(HEARTBEAT_MS, () => this.#heartbeat(client));
    if (this.#wasConnected) {
      this.#options.logger.info({}, 'bus connected again');
      for (const resync of this.#resyncs) resync();
    }
    this.#wasConnected = true;
  }

  #lost(client: Client, err: Error | null): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = null;
    this.#options.logger.warn({ err }, 'bus connection lost; connecting again');
    void client.end().catch((cause: unknown) => this.#options.logger.debug({ err: cause }, 'bus connection did not close cleanly'));
    this.#retry();
  }

  #retry(): void {
    this.#arm(this.#retryMs, () => {
      this.#connect().catch((err: unknown) => {
        this.#options.logger.debug({ err }, 'bus still away');
        this.#retryMs = Math.min(RETRY_MOST_MS, this.#retryMs * 2);
        if (!this.#closed) this.#retry();
      });
    });
  }

  #heartbeat(client: Client): void {
    client.query('select 1').then(
      () => {
        if (this.#client === client) this.#arm(HEARTBEAT_MS, () => this.#heartbeat(client));
      },
      (err: unknown) => this.#lost(client, err instanceof Error ? err : null),
    );
  }

  #arm(delayMs: number, run: () => void): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(run, delayMs);
    this.#timer.unref();
  }

  #deliver(payload: string): void {
    let event: BusEvent;
    try {
      event = decodeBusEvent(payload);
    } catch (thrown) {
      this.#options.logger.warn({ err: GwError.from(thrown) }, 'a bus event that this version does not know was ignored');
      return;
    }
    for (const listener of this.#listeners) listener(event);
  }
}
