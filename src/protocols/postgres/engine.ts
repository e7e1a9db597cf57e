/**
 * The message loop of one PostgreSQL session: joins the way up (`frontend`) and the way down (`backend`) over their common state. It owns
 * no socket: the pump feeds it and carries its bytes. See README.md of this folder for the state diagram.
 */
import { randomBytes } from 'node:crypto';
import type { GwError } from '../../contract/gw-error.js';
import type { ClientNotice, Engine, EngineContext, UpstreamConnection, UpstreamReady } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import { Backend } from './backend.js';
import { Back, int32, message, readyForQuery } from './codec/message.js';
import { Conversation } from './conversation.js';
import { StatementCache, TEXT_LIMIT } from './facts/index.js';
import { isForeignEncoding } from './foreign-encoding.js';
import { Frontend } from './frontend.js';
import type { PostgresStartup } from './login.js';
import { noticeResponse, refuse } from './refusal.js';
import { RowGuard } from './row-guard.js';
import { StatementStop } from './statement-stop.js';
import { cancel, type PostgresReady } from './upstream.js';

/** One cache of analysed statements for the process: facts hold nothing of a session. */
let sharedCache: StatementCache | null = null;

export class PostgresEngine implements Engine {
  readonly probe = null;
  readonly #context: EngineContext;
  readonly #talk: Conversation;
  readonly #frontend: Frontend;
  readonly #backend: Backend;
  readonly #rows: RowGuard;
  readonly #stop: StatementStop;
  readonly #ready: PostgresReady;
  readonly #welcomed: boolean;
  /** Notices that wait for the end of a message that the client has got a part of. */
  #notices: Buffer[] = [];

  constructor(context: EngineContext, startup: PostgresStartup, ready: UpstreamReady) {
    sharedCache ??= new StatementCache();
    this.#context = context;
    this.#welcomed = startup.welcomed;
    this.#ready = ready.state as PostgresReady;
    this.#talk = new Conversation(context);
    this.#talk.block = this.#ready.transactionStatus;
    this.#talk.foreignEncoding = isForeignEncoding(this.#ready.greeting);
    this.#rows = new RowGuard(this.#talk, {
      feed: (bytes) => this.#backend.take(bytes),
      takeCarry: () => this.#backend.takeCarry(),
      settled: () => this.#frontend.retry(),
      asking: () => this.#frontend.watch(),
      cancel: (error) => this.#stop.cancel(error),
    });
    this.#stop = new StatementStop(this.#talk, {
      feed: (bytes) => this.#backend.take(bytes),
      settled: () => this.#frontend.retry(),
      cancelled: () => this.#rows.cancelled(),
    });
    this.#frontend = new Frontend(this.#talk, this.#rows, sharedCache, Math.min(context.statementLimit, TEXT_LIMIT));
    this.#backend = new Backend(this.#talk, this.#stop, () => this.#frontend.retry());
    this.#talk.catalog.settled = () => this.#frontend.retry();
  }

  start(): void {
    // The gateway's own key: the server's would let a client cancel past the gateway, and another session's guess would reach the server.
    const key = randomBytes(8);
    key[0] = (key[0] ?? 0) & 0x7f;
    this.#context.registerCancelKey(key);
    this.#context.sendDown(
      Buffer.concat([
        ...(this.#welcomed ? [] : [message(Back.Authentication, int32(0))]),
        this.#ready.greeting,
        message(Back.BackendKeyData, key),
        readyForQuery(this.#ready.transactionStatus),
      ]),
    );
  }

  fromClient(chunk: Buffer): void {
    if (!this.#talk.over) this.#frontend.take(chunk);
  }

  fromTarget(chunk: Buffer): void {
    if (this.#talk.over) return;
    if (!this.#stop.take(chunk) && !this.#rows.take(chunk)) {
      this.#backend.take(chunk);
      if (this.#rows.wanted && this.#talk.flight.length === 0) this.#frontend.retry();
    }
    this.#talk.catalog.heard();
    if (this.#notices.length > 0) this.#sayNotices();
  }

  notice(notice: ClientNotice): void {
    if (this.#talk.over) return;
    this.#notices.push(noticeResponse(notice));
    this.#sayNotices();
  }

  #sayNotices(): void {
    if (this.#backend.midMessage) return;
    for (const words of this.#notices) this.#context.sendDown(words);
    this.#notices = [];
  }

  clientEnded(): void {
    this.#talk.over = true;
  }

  targetEnded(): void {
    this.#talk.over = true;
  }

  stop(verdict: Verdict, error: GwError): boolean {
    if (this.#talk.over || this.#stop.stops(verdict)) return true;
    if (this.#frontend.stop(verdict, error)) return true;
    if (this.#rows.busy) return this.#rows.stop(verdict, error);
    return this.#backend.end(verdict, error);
  }

  farewell(error: GwError): Uint8Array {
    const midMessage = this.#backend.midMessage;
    this.#talk.over = true;
    return midMessage ? new Uint8Array(0) : refuse(error, 'FATAL');
  }

  async cancel(connection: UpstreamConnection): Promise<void> {
    const key = this.#ready.cancelKey;
    if (key !== null) await cancel(connection, this.#context.target, key);
  }
}
