/**
 * Stage 5: a session at work. Moves bytes between client, engine and target; applies back-pressure in both directions; ends the session on
 * its deadlines, on a kill and on a failed record. Nothing leaves but at the end of a turn, after the journal's commit (`turn.ts`).
 */
import type { Duplex } from 'node:stream';
import { GwError } from '../contract/gw-error.js';
import type { ClientNotice, Engine, EngineContext, Protocol, UpstreamConnection } from '../contract/protocol.js';
import type { SessionRecorder } from '../contract/recording.js';
import type { Target } from '../contract/target.js';
import type { Verdict } from '../contract/verdict.js';
import { endSoftly } from './end-softly.js';
import type { SessionGuard } from './guard.js';
import type { Intake } from './intake.js';
import type { OpenTarget } from './open.js';
import { Outlet } from './outlet.js';
import type { CatalogSeat } from './target-catalogs.js';
import type { Turn, TurnMember } from './turn.js';

/** Bytes in a stream's queue before its source is paused. Two bulk reads: one being written, one being read. */
const HIGH_WATER = 1 << 20;
/**
 * Bytes on the way down before the client is not read any more. The target is paused long before, so this much is what the gateway says itself, or one
 * answer that was looked through whole. A client that is read again only once it reads waits for itself, as with a server of its own.
 */
const ANSWERS_LIMIT = 8 << 20;

export type EndReason = 'client' | 'target' | 'killed' | 'revoked' | 'expired' | 'protocol' | 'recording' | 'drain' | 'idle' | 'internal';

export interface PumpOptions {
  readonly target: Target;
  readonly protocol: Protocol;
  readonly client: Duplex;
  /** Where the client's bytes come in when its stream emits none. */
  readonly clientIntake: Intake | null;
  readonly upstream: OpenTarget;
  readonly startup: unknown;
  readonly guard: SessionGuard;
  readonly catalog: CatalogSeat;
  readonly inheritTags: EngineContext['inheritTags'];
  readonly beside: EngineContext['beside'];
  readonly recorder: SessionRecorder;
  readonly turn: Turn;
  readonly readOnly: boolean;
  readonly statementLimit: number;
  registerCancelKey(key: Buffer): void;
  /** See `EngineContext`. */
  cancelTarget(): Promise<void>;
  /** Runs once, after the last byte was queued: stage 8. */
  onEnd(reason: EndReason, error: GwError | null): void;
}

export class Pump implements TurnMember, EngineContext {
  readonly target: Target;
  readonly guard: SessionGuard;
  readonly readOnly: boolean;
  readonly statementLimit: number;
  readonly strict: boolean;
  /** What comes down waits for the disk as well. */
  readonly #full: boolean;
  bytesUp = 0;
  bytesDown = 0;
  /** Bytes moved since the idle timer last looked. */
  activity = 0;
  readonly engine: Engine;
  readonly #options: PumpOptions;
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #up: Outlet;
  readonly #down: Outlet;
  #joined = false;
  #ended = false;
  #clientHeld = false;
  #targetHeld = false;
  #clientChoked = false;
  /** It does not read what the gateway answers. */
  #clientDeaf = false;
  #targetChoked = false;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.target = options.target;
    this.guard = options.guard;
    this.readOnly = options.readOnly;
    this.statementLimit = options.statementLimit;
    this.#full = options.target.durability === 'full';
    this.strict = this.#full || options.target.durability === 'strict';
    this.#client = options.client;
    this.#upstream = options.upstream.stream;
    this.#up = new Outlet(this.#upstream, true);
    this.#down = new Outlet(this.#client, this.#full);
    this.engine = options.protocol.engine(this, options.startup, options.upstream.ready);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Starts to move bytes. `clientRest` and the target's rest are bytes that came behind the handshakes. */
  start(clientRest: readonly Buffer[]): void {
    const { upstream, clientIntake } = this.#options;
    this.#run(() => this.engine.start());
    for (const chunk of clientRest) this.#fromClient(chunk);
    for (const chunk of upstream.rest) this.#fromTarget(chunk);
    if (this.#ended) return;
    if (clientIntake !== null) clientIntake.handler = this.#fromClient;
    else this.#client.on('data', this.#fromClient);
    this.#client.on('end', this.#clientGone);
    this.#client.on('close', this.#clientGone);
    this.#client.on('error', this.#clientGone);
    this.#client.on('drain', this.#clientDrained);
    if (upstream.intake !== null) upstream.intake.handler = this.#fromTarget;
    else this.#upstream.on('data', this.#fromTarget);
    this.#upstream.on('end', this.#targetGone);
    this.#upstream.on('close', this.#targetGone);
    this.#upstream.on('error', this.#targetGone);
    this.#upstream.on('drain', this.#targetDrained);
    this.#readClient();
    if (!this.#targetHeld && !this.#targetChoked) this.#upstream.resume();
    // What ended between the handshakes and now says so no more.
    if (this.#client.destroyed || this.#client.readableEnded) this.#clientGone();
    else if (this.#upstream.destroyed || this.#upstream.readableEnded) this.#targetGone();
  }

  // ---- bytes in

  readonly #fromClient = (chunk: Buffer): void => {
    if (this.#ended) return;
    this.bytesUp += chunk.length;
    this.activity++;
    this.#up.volatile = this.#options.clientIntake?.buffer ?? null;
    this.#run(() => this.engine.fromClient(chunk));
    this.#up.volatile = null;
  };

  readonly #fromTarget = (chunk: Buffer): void => {
    if (this.#ended) return;
    this.bytesDown += chunk.length;
    this.activity++;
    this.#down.volatile = this.#options.upstream.intake?.buffer ?? null;
    this.#run(() => this.engine.fromTarget(chunk));
    this.#down.volatile = null;
  };

  /** What goes wrong while one session's bytes are looked at ends that session and nothing else. */
  #run(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      const error = GwError.from(thrown);
      this.terminate(reasonOf(error), error);
    }
  }

  // ---- the target's catalog (EngineContext)

  catalog(): object | null {
    return this.#options.catalog.current();
  }

  get inheritTags(): EngineContext['inheritTags'] {
    return this.#options.inheritTags;
  }

  beside<T>(limitMs: number, work: (connection: UpstreamConnection) => Promise<T>): Promise<T> {
    return this.#options.beside(limitMs, work);
  }

  recheckCatalog(): Promise<void> {
    return this.#options.catalog.recheck();
  }

  // ---- bytes out (EngineContext)

  sendUp(verdict: Verdict, chunk: Uint8Array, written?: () => void): void {
    this.guard.requireVerdict(verdict);
    this.#up.push(chunk, written);
    this.#join();
    if (this.strict && this.#up.queued > HIGH_WATER) this.#chokeClient(true);
  }

  sendDown(chunk: Uint8Array, written?: () => void): void {
    const urgent = this.#down.push(chunk, written);
    this.#join();
    if (this.#full) this.#holdBack(this.#down.queued);
    if (urgent) this.#options.turn.endNow();
  }

  #join(): void {
    if (this.#joined || this.#ended) return;
    this.#joined = true;
    this.#options.turn.join(this);
  }

  seal(): boolean {
    this.#joined = false;
    const waits = this.#full || this.#up.fresh;
    if (waits) this.#up.seal();
    if (this.#full) this.#down.seal();
    else this.#releaseDown();
    return waits;
  }

  release(): void {
    if (!this.strict) this.#joined = false;
    this.#up.release();
    // Of a strict session what may go down went with `seal`: what is queued since then is not committed.
    if (this.#full || !this.strict) this.#releaseDown();
    if (this.#ended) return;
    if (this.#up.waiting > HIGH_WATER) this.#chokeClient(true);
    else if (this.strict && this.#clientChoked && this.#up.backlog === 0) this.#chokeClient(false);
  }

  #releaseDown(): void {
    this.#down.release();
    if (this.#ended) return;
    if (this.#down.waiting > HIGH_WATER) this.#holdBack(this.#down.waiting);
    else if (this.#full && this.#down.backlog === 0) this.#clientDrained();
  }

  failed(error: GwError): void {
    this.#joined = false;
    this.#up.drop();
    this.#down.drop();
    this.terminate('recording', error);
  }

  // ---- back-pressure

  pauseClient(): void {
    this.#clientHeld = true;
    this.#client.pause();
  }

  resumeClient(): void {
    this.#clientHeld = false;
    this.#readClient();
  }

  pauseTarget(): void {
    this.#targetHeld = true;
    this.#upstream.pause();
  }

  resumeTarget(): void {
    this.#targetHeld = false;
    if (!this.#targetChoked && !this.#ended) this.#upstream.resume();
  }

  #chokeClient(choked: boolean): void {
    this.#clientChoked = choked;
    if (choked) this.#client.pause();
    else this.#readClient();
  }

  /** Unless something holds it. */
  #readClient(): void {
    if (!this.#clientHeld && !this.#clientChoked && !this.#clientDeaf && !this.#ended) this.#client.resume();
  }

  /** So much waits for the client: who brings more is held. */
  #holdBack(waiting: number): void {
    if (waiting > HIGH_WATER && !this.#targetChoked) {
      this.#targetChoked = true;
      this.#upstream.pause();
    }
    if (waiting > ANSWERS_LIMIT && !this.#clientDeaf) {
      this.#clientDeaf = true;
      this.#client.pause();
    }
  }

  readonly #targetDrained = (): void => {
    if (this.#up.queued <= HIGH_WATER) this.#chokeClient(false);
  };

  readonly #clientDrained = (): void => {
    if (!this.#targetChoked || this.#ended || this.#down.queued > HIGH_WATER) return;
    this.#targetChoked = false;
    if (!this.#targetHeld) this.#upstream.resume();
    if (!this.#clientDeaf) return;
    this.#clientDeaf = false;
    this.#readClient();
  };

  // ---- the end

  registerCancelKey(key: Buffer): void {
    this.#options.registerCancelKey(key);
  }

  cancelTarget(): Promise<void> {
    return this.#options.cancelTarget();
  }

  /** Ends what runs under `verdict` with `error`; where the protocol cannot, the session. */
  stop(verdict: Verdict, error: GwError): void {
    if (this.#ended) return;
    this.#run(() => {
      if (!this.engine.stop(verdict, error)) this.terminate('revoked', error);
    });
  }

  /** A client that left while people are asked says so. */
  probe(): void {
    if (!this.#ended) this.#run(() => this.engine.probe?.());
  }

  readonly #clientGone = (): void => {
    if (this.#ended) return;
    this.#run(() => this.engine.clientEnded());
    this.end('client', null);
  };

  readonly #targetGone = (): void => {
    if (this.#ended) return;
    this.#run(() => this.engine.targetEnded());
    this.end('target', null);
  };

  /** Words of the gateway that end nothing. */
  say(notice: ClientNotice): void {
    if (!this.#ended) this.#run(() => this.engine.notice(notice));
  }

  /** The protocol's own end: everything queued still goes out. */
  end(reason: EndReason, error: GwError | null): void {
    if (this.#ended) return;
    if (error !== null) {
      this.terminate(reason, error);
      return;
    }
    this.#finish(reason, null);
  }

  /** Ends the session from outside or after a failure, with last words for the client. */
  terminate(reason: EndReason, error: GwError): void {
    if (this.#ended) return;
    let words: Uint8Array = new Uint8Array(0);
    try {
      words = this.engine.farewell(error);
    } catch (thrown) {
      // The engine is broken; the client gets a closed connection.
      error = GwError.from(thrown);
    }
    // Nothing more goes up for a session that is ended against its will.
    this.#up.drop();
    // Words of the gateway itself need no record to be true: they also say that a record failed.
    if (reason === 'recording') this.#unrecorded(words);
    else this.#down.push(words);
    this.#finish(reason, error);
  }

  /** Of what is queued nothing may leave: its record is not written. */
  #unrecorded(words: Uint8Array): void {
    this.#up.drop();
    this.#down.drop();
    this.#down.push(words);
  }

  #finish(reason: EndReason, error: GwError | null): void {
    this.#ended = true;
    // The session's last entries and its queue share one turn.
    this.#options.onEnd(reason, error);
    if (reason === 'recording') this.#shut();
    else {
      const failed = (): void => {
        this.#unrecorded(new Uint8Array(0));
        this.#shut();
      };
      this.#options.turn.join({ strict: this.strict, seal: () => true, release: () => this.#shut(), failed });
    }
  }

  #shut(): void {
    this.#up.releaseAll();
    this.#down.releaseAll();
    this.#options.upstream.intake?.buffer.retire();
    this.#options.clientIntake?.buffer.retire();
    for (const stream of [this.#client, this.#upstream]) endSoftly(stream, 5_000);
  }
}

function reasonOf(error: GwError): EndReason {
  switch (error.code) {
    case 'recording.failed':
      return 'recording';
    case 'login.expired':
      return 'expired';
    case 'session.revoked':
    case 'login.locked':
    case 'policy.connect_denied':
    case 'policy.limit_exceeded':
      return 'revoked';
    case 'session.killed':
      return 'killed';
    case 'target.protocol':
    case 'protocol.violation':
    case 'session.limit':
      return 'protocol';
    default:
      return 'internal';
  }
}
