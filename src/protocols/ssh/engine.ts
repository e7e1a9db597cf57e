/**
 * The message loop of a session: what the client asks for becomes operations, what the target answers is delivered, message by message, in
 * the order in which it came. Both legs have keys of their own; between them everything is in the clear, here and nowhere else.
 *
 * Invariants: no message goes up that no verdict covers; no byte of a program goes down that was not delivered; a channel on which something
 * was refused carries nothing more.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Operation } from '../../contract/operation.js';
import type { ClientNotice, Engine, EngineContext, Guard, UpstreamReady } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';
import { Channels } from './channels.js';
import { ClientProbe } from './client-probe.js';
import { CHANNELS, SHORT_PACKET } from './codec/limits.js';
import { banner, DISCONNECT, MESSAGE } from './codec/messages.js';
import { broken, message, WireReader } from './codec/wire.js';
import { askedGlobally } from './forwards.js';
import { KeyExchanges } from './key-exchanges.js';
import type { Legs, Speaker } from './legs.js';
import { farewellMessage, letIn, type SshStartup } from './login.js';
import { operationOf } from './operations.js';
import type { SshOptions } from './options.js';
import { errorLines, noticeLines } from './refusal.js';
import { ReplyOrder } from './reply-order.js';
import type { Transport } from './transport/transport.js';
import type { SshUpstream } from './upstream.js';
import { VerdictQueue } from './verdict-queue.js';

export class SshEngine implements Engine, Legs {
  /** What runs ends with the connection. */
  readonly cancel = null;
  readonly guard: Guard;
  readonly statementLimit: number;
  readonly shell: 'posix' | 'other';
  readonly #context: EngineContext;
  readonly #client: Transport;
  readonly #target: Transport;
  readonly #early: { readonly client: readonly Buffer[]; readonly target: readonly Buffer[] };
  readonly #banner: string;
  readonly #channels: Channels;
  readonly #exchanges: KeyExchanges;
  readonly #queue: VerdictQueue;
  /** To the client's global requests, and to those that go down to it. */
  readonly #replies = new ReplyOrder();
  readonly #clientReplies = new ReplyOrder();
  readonly #probe = new ClientProbe((payload) => this.down(payload), this.#clientReplies);
  /** Under which what the target's transport writes now goes up. */
  #verdict: Verdict;
  #gathering = false;
  #unsaid: string[] = [];
  /** Global requests behind one that is asked about: they are answered in order. Null: none is. */
  #waiting: Buffer[] | null = null;
  #over = false;

  constructor(context: EngineContext, startup: SshStartup, ready: UpstreamReady) {
    const upstream = ready.state as SshUpstream;
    this.#context = context;
    this.guard = context.guard;
    this.statementLimit = context.statementLimit;
    this.shell = (context.target.options as SshOptions).shell;
    this.#verdict = context.guard.transport();
    this.#client = startup.transport;
    this.#target = upstream.transport;
    for (const leg of [this.#client, this.#target]) leg.loggedIn();
    this.#exchanges = new KeyExchanges({ client: this.#client, target: this.#target }, context);
    this.#early = { client: startup.early, target: upstream.early };
    this.#banner = upstream.banner;
    this.#channels = new Channels(this);
    this.#queue = new VerdictQueue(context.guard, this.#probe, (error) => this.fail(error));
    this.#client.events = {
      write: (bytes, written) => context.sendDown(bytes, written),
      payload: (payload) => this.#fromClient(payload),
      ready: () => undefined,
      disconnected: () => this.#clientLeft(),
      exchange: () => this.#exchanges.look(),
      // One leg after the other, so that the one where the bytes come from can be stopped.
      mayExchange: () => this.#target.withheld === null,
    };
    this.#target.events = {
      write: (bytes, written) => context.sendUp(this.#verdict, bytes, written),
      payload: (payload) => this.#ofTarget(() => this.#fromTarget(payload)),
      ready: () => undefined,
      disconnected: (_, text) => this.#targetLeft(text),
      exchange: () => this.#exchanges.look(),
      mayExchange: () => this.#client.withheld === null,
    };
  }

  // ---- the pump's side

  start(): void {
    this.#exchanges.look();
    if (this.#banner !== '') this.down(banner(this.#banner));
    this.down(letIn());
    for (const payload of this.#early.target) this.#ofTarget(() => this.#fromTarget(payload));
    for (const payload of this.#early.client) this.#fromClient(payload);
  }

  fromClient(chunk: Buffer): void {
    this.#feed(this.#client, chunk);
  }

  fromTarget(chunk: Buffer): void {
    this.#feed(this.#target, chunk);
  }

  /** What one read brings goes out together. */
  #feed(leg: Transport, chunk: Buffer): void {
    this.#gather(true);
    try {
      leg.feed(chunk);
    } finally {
      this.#gather(false);
      this.#verdict = this.guard.transport();
    }
  }

  #gather(on: boolean): void {
    this.#gathering = on;
    this.#client.gathering = on;
    this.#target.gathering = on;
  }

  clientEnded(): void {
    this.#ends();
  }

  /** Nothing more is heard. What programs said, and a mask kept for its rest, is not lost to the record. */
  #ends(): void {
    this.#over = true;
    this.#exchanges.end();
    for (const channel of this.#channels.sessions) {
      try {
        channel.outputEnded();
      } catch (thrown) {
        const error = GwError.from(thrown);
        if (error.code !== 'policy.limit_exceeded') throw error;
        channel.finish('refused', error.message);
      }
    }
  }

  targetEnded(): void {
    if (this.#over) return;
    this.#ends();
    this.#client.goodbye(DISCONNECT.byApplication, 'gw: the target closed the connection');
  }

  stop(verdict: Verdict, error: GwError): boolean {
    const channel = this.#channels.running(verdict);
    channel?.stop(error, 'refused');
    return channel !== undefined;
  }

  probe(): void {
    this.#probe.look();
  }

  notice(notice: ClientNotice): void {
    const text = noticeLines(notice);
    const speaker: Speaker | undefined = this.#queue.speaker ?? this.#channels.sessions.at(-1);
    if (speaker === undefined) this.#unsaid.push(text);
    else speaker.say(text);
  }

  farewell(error: GwError): Uint8Array {
    // What was gathered until now is not held back, and what is said now not gathered.
    this.#gather(false);
    // Where nothing can be recorded any more, nothing more is delivered.
    if (error.code !== 'recording.failed' && !this.#over) this.#ends();
    this.#over = true;
    this.#exchanges.end();
    const words: Buffer[] = [];
    this.#client.events = { write: (bytes) => words.push(bytes), payload: () => undefined, ready: () => undefined, disconnected: () => undefined };
    for (const channel of this.#channels.sessions) channel.say(errorLines(error));
    this.#client.send(farewellMessage(error));
    this.#client.close();
    return Buffer.concat(words);
  }

  // ---- both legs (Legs)

  down(head: Uint8Array, body?: Uint8Array): void {
    this.#client.send(head, body);
  }

  up(verdict: Verdict, head: Uint8Array, body?: Uint8Array): void {
    if (verdict !== this.#verdict) {
      // What was gathered goes under the verdict under which it was.
      this.#target.flush();
      this.#verdict = verdict;
    }
    this.#target.send(head, body);
    if (!this.#gathering) this.#verdict = this.guard.transport();
  }

  ask(operation: Operation, speaker: Speaker | null, then: (verdict: Verdict) => void): void {
    this.#queue.ask(operation, speaker, then);
  }

  withdraw(speaker: Speaker): void {
    this.#queue.withdraw(speaker);
  }

  fail(error: GwError): void {
    this.#context.end('protocol', error);
  }

  // ---- the client's messages

  #fromClient(payload: Buffer): void {
    if (this.#over) return;
    mayBeLong(payload);
    switch (payload[0]) {
      case MESSAGE.globalRequest:
        this.#globalRequest(payload);
        return;
      case MESSAGE.requestSuccess:
      case MESSAGE.requestFailure:
        if (!this.#clientReplies.answered(() => this.up(this.guard.transport(), payload))) throw broken('an answer to a request that nobody made');
        return;
      case MESSAGE.open:
        this.#channels.openByClient(payload);
        this.#sayUnsaid();
        return;
      case MESSAGE.openConfirmation:
      case MESSAGE.openFailure:
        this.#channels.answeredByClient(payload);
        return;
      case MESSAGE.authRequest:
        // RFC 4252 section 5.3: once let in, further requests are ignored.
        return;
      default:
        if ((payload[0] ?? 0) < MESSAGE.windowAdjust || (payload[0] ?? 0) > MESSAGE.channelFailure)
          throw broken(`a message of the kind ${payload[0] ?? 0}, which is not known here`);
        this.#channels.fromClient(payload);
    }
  }

  #globalRequest(payload: Buffer): void {
    if (this.#waiting !== null) {
      if (this.#waiting.length >= CHANNELS) throw broken('too many requests while one waits');
      this.#waiting.push(Buffer.from(payload));
      return;
    }
    const reader = new WireReader(payload, 1);
    const type = reader.name();
    const wantsReply = reader.boolean();
    const asked = askedGlobally(type, reader);
    if (type === 'no-more-sessions@openssh.com') this.#channels.noMoreSessions = true;
    if (asked === 'pass') {
      if (wantsReply) this.#replies.remote();
      this.up(this.guard.transport(), payload);
      return;
    }
    const kept = Buffer.from(payload);
    this.#waiting = [];
    this.ask(operationOf('forward', asked.facts, Buffer.from(asked.text), asked.forbidden), null, (verdict) => {
      if (verdict.allowed) {
        if (wantsReply) this.#replies.remote();
        this.up(verdict, kept);
        this.guard.finish(verdict, 'ok', null);
      } else if (wantsReply) this.#replies.local(() => this.down(message(MESSAGE.requestFailure)));
      const waiting = this.#waiting ?? [];
      this.#waiting = null;
      for (const next of waiting) this.#globalRequest(next);
    });
  }

  #sayUnsaid(): void {
    const speaker = this.#channels.sessions.at(-1);
    if (speaker === undefined) return;
    for (const text of this.#unsaid.splice(0)) speaker.say(text);
  }

  #clientLeft(): void {
    if (this.#over) return;
    this.#ends();
    this.#target.goodbye(DISCONNECT.byApplication, 'the client left');
    this.#context.end('client', null);
  }

  // ---- the target's messages

  /** What is wrong in what the target sends is the target's fault. */
  #ofTarget(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      const error = GwError.from(thrown);
      throw error.code === 'protocol.violation' ? new GwError('target.protocol', error.message.replace('The peer', 'The target'), { cause: error }) : error;
    }
  }

  #fromTarget(payload: Buffer): void {
    if (this.#over) return;
    mayBeLong(payload);
    switch (payload[0]) {
      case MESSAGE.globalRequest:
        this.#targetRequest(payload);
        return;
      case MESSAGE.requestSuccess:
      case MESSAGE.requestFailure:
        if (!this.#replies.answered(() => this.down(payload))) throw broken('an answer to a request that nobody made');
        return;
      case MESSAGE.open:
        this.#channels.openByServer(payload);
        return;
      case MESSAGE.openConfirmation:
      case MESSAGE.openFailure:
        this.#channels.answeredByServer(payload);
        return;
      default:
        if ((payload[0] ?? 0) < MESSAGE.windowAdjust || (payload[0] ?? 0) > MESSAGE.channelFailure)
          throw broken(`a message of the kind ${payload[0] ?? 0}, which is not known here`);
        this.#channels.fromServer(payload);
    }
  }

  /** The target looks whether somebody is there. Whatever else it wants (announcing its own host keys, say) is not for the client. */
  #targetRequest(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const type = reader.name();
    if (!reader.boolean()) return;
    if (type === 'keepalive@openssh.com') {
      this.#clientReplies.remote();
      this.down(payload);
    } else this.up(this.guard.transport(), message(MESSAGE.requestFailure));
  }

  #targetLeft(text: string): void {
    if (this.#over) return;
    this.#ends();
    this.#client.goodbye(DISCONNECT.byApplication, `gw: the target said goodbye: ${text.slice(0, 200)}`);
    this.#context.end('target', null);
  }
}

/** Requests on a channel may be long (a command is). What else is kept while people are asked is kept for many. */
function mayBeLong(payload: Buffer): void {
  const [kind = 0] = payload;
  if (payload.length > SHORT_PACKET && kind !== MESSAGE.channelRequest) throw broken(`a message of the kind ${kind} of ${payload.length} bytes`);
}
