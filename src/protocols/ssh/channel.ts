/**
 * One channel: what runs on it, under which verdict, and its bytes in both directions. States: opening → open → (waits for a verdict) → runs →
 * over (refused or stopped: nothing passes any more but the close).
 *
 * Each side closes for itself: one has closed when its CLOSE was heard and one was sent to it. Where the gateway ended what ran, the client may be
 * done with the channel long before the target is, or the other way round.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Operation } from '../../contract/operation.js';
import type { OutcomeStatus } from '../../contract/recording.js';
import type { Verdict } from '../../contract/verdict.js';
import { CHANNEL_PACKET, MESSAGE_COST, WAITING_BYTES } from './codec/limits.js';
import { about, data, dataHead, exitStatus, MESSAGE, OPEN_REFUSED, openFailure, STDERR, stderr, windowAdjust } from './codec/messages.js';
import { broken, WireReader } from './codec/wire.js';
import type { Legs, Speaker } from './legs.js';
import { OutputMask } from './output-mask.js';
import { OutputQueue } from './output-queue.js';
import { errorLines, refusalLines, refusalStatus } from './refusal.js';
import { ReplyOrder } from './reply-order.js';
import type { SftpRelay } from './sftp/sftp-relay.js';
import { interrupts, LENT_BYTES, TypeAhead } from './type-ahead.js';
import type { WaitingBytes } from './waiting-bytes.js';
import { Windows } from './windows.js';

interface Terminal {
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
}

export class Channel implements Speaker {
  /** The client's number: what goes down is addressed to it. */
  readonly clientId: number;
  /** The target's number: what goes up is addressed to it. Null until it confirmed. */
  serverId: number | null = null;
  /** The number by which the target knows it, and the one by which the client does: the other side's, where that is free. */
  knownUpAs: number;
  knownDownAs = 0;
  readonly kind: string;
  readonly windows: Windows;
  readonly replies = new ReplyOrder();
  /** What runs on it; null: nothing yet. */
  verdict: Verdict | null = null;
  sftp: SftpRelay | null = null;
  /** As the target gave it; null: there is none. */
  terminal: Terminal | null = null;
  /** The client closed the channel while it waited: what is allowed now is not wanted any more. */
  left = false;
  /** A program was asked for; a second one is not to be had. */
  taken = false;
  /** Refused or stopped. */
  over = false;
  /** Whose CLOSE was heard. */
  clientClosed = false;
  serverClosed = false;
  /** Called when the gateway closed it by itself. */
  settled: () => void = () => undefined;
  /** To whom a CLOSE was sent. */
  #closedDown = false;
  #closedUp = false;
  /** Last words that wait for answers which the target still owes. */
  #goodbye: (() => void) | null = null;
  readonly #legs: Legs;
  /** The client's messages behind a question; null: nothing is asked. */
  #waiting: Buffer[] | null = null;
  #waitingBytes = 0;
  readonly #together: WaitingBytes;
  /** It waits for what the target says to a terminal. */
  #terminalAsked = false;
  #handle: (payload: Buffer) => void = () => undefined;
  /** Words that found no room in the client's window. Bytes, because a packet may end within a character. */
  #unsaid: Buffer = Buffer.alloc(0);
  #packet = CHANNEL_PACKET;
  #targetPacket = CHANNEL_PACKET;
  #exit: { readonly status: number } | { readonly signal: string } | null = null;
  #clientEof = false;
  #typeAhead: TypeAhead | null = null;
  #masks: { readonly output: OutputMask; readonly errors: OutputMask } | null = null;
  readonly #output: OutputQueue;

  constructor(legs: Legs, clientId: number, kind: string, verdict: Verdict | null, together: WaitingBytes) {
    this.#legs = legs;
    this.#together = together;
    this.clientId = clientId;
    this.knownUpAs = clientId;
    this.kind = kind;
    this.verdict = verdict;
    this.windows = new Windows(kind !== 'session');
    this.#output = new OutputQueue(this.windows, {
      data: (bytes, extended) => legs.down(extended ? stderr(clientId, bytes) : data(clientId, bytes)),
      tell: (payload) => this.#tell(payload),
      credit: (bytes) => this.creditTarget(bytes),
    });
  }

  /** Longest data message that the client takes. */
  set clientPacket(bytes: number) {
    this.#packet = Math.max(1, Math.min(CHANNEL_PACKET, bytes));
  }

  set targetPacket(bytes: number) {
    this.#targetPacket = Math.max(1, Math.min(CHANNEL_PACKET, bytes));
  }

  /** What is done with the client's messages, when they are not waiting. */
  set handler(handle: (payload: Buffer) => void) {
    this.#handle = handle;
  }

  /** The client, or the target, may use its number again. */
  get clientDone(): boolean {
    return this.clientClosed && this.#closedDown;
  }

  get serverDone(): boolean {
    return this.serverClosed && this.#closedUp;
  }

  // ---- questions

  /** Asks; what the client sends on this channel meanwhile waits. */
  ask(operation: Operation, then: (verdict: Verdict) => void): void {
    let answered = false;
    this.#legs.ask(operation, this, (verdict) => {
      answered = true;
      this.#goOn(() => then(verdict));
    });
    if (answered) return;
    this.#waiting ??= [];
    this.#lend();
  }

  /** What runs is recorded and shown as on a terminal only if there is one, so all that comes behind the question waits for what the target says. */
  askTerminal(payload: Buffer, terminal: Terminal, wantsReply: boolean): void {
    this.#waiting = [];
    this.#terminalAsked = true;
    this.replies.remote((pass, agreed) => {
      if (agreed && this.#terminalAsked) this.terminal = terminal;
      if (wantsReply) pass();
      this.#terminalSettled();
    });
    this.#legs.up(this.#legs.guard.transport(), payload);
  }

  #terminalSettled(): void {
    if (!this.#terminalAsked) return;
    this.#terminalAsked = false;
    this.#goOn(() => undefined);
  }

  /** `then`, and what the client said meanwhile. */
  #goOn(then: () => void): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.#together.give(this.#waitingBytes);
    this.#waitingBytes = 0;
    then();
    for (const payload of waiting) this.take(payload);
  }

  /** Whoever waits at a terminal can say that they do not want to any more. */
  #lend(): void {
    if (this.terminal === null || this.serverId === null || !this.windows.lend(LENT_BYTES)) return;
    this.#typeAhead = new TypeAhead((bytes) => {
      if (this.verdict !== null) this.sendUp(this.verdict, bytes);
    });
    this.creditClient(LENT_BYTES);
  }

  #interrupted(payload: Buffer): boolean {
    return this.terminal !== null && payload[0] === MESSAGE.data && interrupts(payload.subarray(9));
  }

  take(payload: Buffer): void {
    if (this.#waiting === null) {
      this.#handle(payload);
      return;
    }
    if (!this.left && (payload[0] === MESSAGE.close || (!this.#terminalAsked && (wantsNoMore(payload) || this.#interrupted(payload))))) {
      this.left = true;
      this.#legs.withdraw(this);
    }
    const cost = payload.length + MESSAGE_COST;
    this.#together.take(cost);
    this.#waitingBytes += cost;
    if (this.#waitingBytes > WAITING_BYTES) throw broken('more than the window of a channel holds');
    this.#waiting.push(Buffer.from(payload));
    // A client that closed waits for no terminal.
    if (this.left) this.#terminalSettled();
  }

  // ---- bytes up

  clientData(payload: Buffer): void {
    if (this.verdict === null) throw broken('data for a channel on which nothing runs');
    const reader = new WireReader(payload, 5);
    if (payload[0] === MESSAGE.extendedData) throw broken('extended data, which clients have no use for');
    const bytes = reader.string(CHANNEL_PACKET);
    reader.end();
    this.windows.client.take(bytes.length);
    if (this.sftp !== null) {
      this.sftp.fromClient(bytes);
      return;
    }
    // What is typed at a terminal may be a password; what of it is shown comes back as output.
    if (this.terminal === null) this.#legs.guard.receive(this.verdict, bytes);
    if (this.#typeAhead === null) this.#legs.up(this.verdict, payload);
    else this.#typeAhead.take(bytes);
  }

  /** Bytes for the target that are not a message of the client as it came. */
  sendUp(verdict: Verdict, bytes: Buffer): void {
    if (this.serverId === null) return;
    const step = this.#targetPacket;
    for (let from = 0; from < bytes.length; from += step) {
      const part = bytes.subarray(from, from + step);
      this.#legs.up(verdict, dataHead(this.serverId, part.length), part);
    }
  }

  clientEof(payload: Buffer): void {
    this.#clientEof = true;
    const kept = Buffer.from(payload);
    const pass = (): void => this.#legs.up(this.#legs.guard.transport(), kept);
    if (this.sftp !== null) this.sftp.clientEnded(pass);
    else if (this.#typeAhead === null) pass();
    else this.#typeAhead.end(pass);
  }

  clientWindow(payload: Buffer): void {
    const bytes = this.windows.widenedByClient(new WireReader(payload, 5).uint32());
    this.#say();
    this.sftp?.resume();
    if (this.#masks?.output.hides === true) this.#output.widened(bytes);
    else this.creditTarget(bytes);
  }

  /** The client's window gave room for bytes that the target never got. */
  creditClient(bytes: number): void {
    if (bytes <= 0 || this.#closedDown) return;
    this.windows.client.give(bytes);
    this.#legs.down(windowAdjust(this.clientId, bytes));
  }

  /** The target's bytes were not passed on, so the client will not make room for them. */
  creditTarget(bytes: number): void {
    if (bytes <= 0 || this.serverId === null) return;
    this.windows.target.give(bytes);
    this.#legs.up(this.#legs.guard.transport(), windowAdjust(this.serverId, bytes));
  }

  // ---- bytes down

  serverData(payload: Buffer): void {
    const extended = payload[0] === MESSAGE.extendedData;
    const reader = new WireReader(payload, 5);
    const standard = !extended || reader.uint32() === STDERR;
    const bytes = reader.string(CHANNEL_PACKET);
    reader.end();
    this.windows.target.take(bytes.length);
    if (!standard) return;
    const { verdict } = this;
    if (verdict === null) return;
    if (this.sftp !== null && !extended) {
      this.sftp.fromServer(bytes, payload);
      return;
    }
    const mask = this.#masks?.[extended ? 'errors' : 'output'];
    const { shown, recorded } = mask === undefined ? { shown: bytes, recorded: bytes } : mask.take(bytes);
    const delivered = this.#legs.guard.deliver(verdict, shown, 0, 0, recorded);
    if (delivered === bytes) this.#legs.down(payload);
    else this.#show(delivered, extended, bytes.length);
  }

  /** Bytes in the place of so many of the target's. */
  #show(shown: Uint8Array, extended: boolean, instead: number): void {
    if (!this.clientClosed) this.#output.show(shown, extended, instead, this.#packet);
  }

  /** A message of the target, behind what it said before. */
  pass(payload: Uint8Array): void {
    if (!this.#output.behind(payload)) this.#tell(payload);
  }

  /** The target answers a request. False: none is open. */
  answered(payload: Uint8Array): boolean {
    return this.replies.answered(() => this.#tell(payload), payload[0] === MESSAGE.channelSuccess);
  }

  /** The gateway says no to a request. */
  deny(): void {
    this.replies.local(() => this.#tell(about(MESSAGE.channelFailure, this.clientId)));
  }

  /** Nothing comes behind a CLOSE. */
  #tell(payload: Uint8Array): void {
    if (this.#closedDown) return;
    this.#closedDown = payload[0] === MESSAGE.close;
    this.#legs.down(payload);
  }

  /** The program says no more: what was waiting for its rest goes out. @throws GwError `policy.limit_exceeded` as `Guard.deliver` does */
  outputEnded(): void {
    const { verdict } = this;
    if (verdict === null || this.#masks === null) return;
    for (const [name, mask] of Object.entries(this.#masks)) {
      const { shown, recorded } = mask.end();
      if (shown.length === 0 && recorded.length === 0) continue;
      const delivered = this.#legs.guard.deliver(verdict, shown, 0, 0, recorded);
      if (!this.over && !this.clientClosed) this.#show(delivered, name === 'errors', 0);
    }
  }

  /** Bytes for the client that are not a message of the target as it came. */
  sendDown(bytes: Buffer): void {
    if (this.#closedDown) return;
    for (let from = 0; from < bytes.length; from += this.#packet) {
      const part = bytes.subarray(from, from + this.#packet);
      this.#legs.down(dataHead(this.clientId, part.length), part);
    }
  }

  serverWindow(payload: Buffer): void {
    const room = new WireReader(payload, 5).uint32();
    const bytes = this.windows.fromTarget(room);
    this.#typeAhead?.widened(room);
    if (bytes > 0) this.#legs.down(windowAdjust(this.clientId, bytes));
  }

  exited(exit: { readonly status: number } | { readonly signal: string }): void {
    this.#exit = exit;
  }

  // ---- words of the gateway

  say(text: string): void {
    this.#unsaid = Buffer.concat([this.#unsaid, Buffer.from(text, 'utf8')]).subarray(0, CHANNEL_PACKET);
    this.#say();
  }

  #say(): void {
    if (this.serverId === null || this.clientClosed || this.#closedDown) return;
    while (this.#unsaid.length > 0) {
      const bytes = this.#unsaid.subarray(0, Math.min(this.windows.budget, this.#packet));
      if (bytes.length === 0) return;
      this.windows.spend(bytes.length);
      this.#legs.down(stderr(this.clientId, bytes));
      this.#unsaid = this.#unsaid.subarray(bytes.length);
    }
  }

  // ---- the end

  /** Something begins to run. */
  begin(verdict: Verdict): void {
    this.verdict = verdict;
    const text = this.#legs.guard.masking(verdict)?.text ?? null;
    if (text !== null) {
      const mask = (): OutputMask => new OutputMask(text, this.terminal !== null, this.#legs.guard, verdict);
      this.#masks = { output: mask(), errors: mask() };
    }
    if (this.terminal !== null) this.#legs.guard.note(verdict, 'terminal', { ...this.terminal });
  }

  /** A program that may not run: the client is told as if it had run, said why, and failed. */
  refuse(verdict: Verdict, wantsReply: boolean): void {
    this.#shut();
    this.#goodbye = () => {
      if (wantsReply) this.#tell(about(MESSAGE.channelSuccess, this.clientId));
      this.#farewell(refusalLines(verdict.decision), refusalStatus(verdict.decision));
    };
    this.replies.local(() => this.#sayGoodbye());
  }

  /** What runs is ended from here. */
  stop(error: GwError, status: OutcomeStatus): void {
    if (this.over) return;
    this.finish(status, error.message);
    this.#end(errorLines(error), error.entry.exit);
  }

  #end(words: string, status: number): void {
    if (this.over) return;
    this.#shut();
    this.#farewell(words, status);
  }

  /** Nothing passes any more. The target hears so at once, unless it has not even confirmed the channel. */
  #shut(): void {
    this.over = true;
    this.#output.end();
    this.closeUp();
  }

  closeUp(): void {
    if (this.#closedUp || this.serverId === null) return;
    this.#closedUp = true;
    this.#legs.up(this.#legs.guard.transport(), about(MESSAGE.close, this.serverId));
  }

  #farewell(words: string, status: number): void {
    if (this.serverId === null) {
      // For the client it is no channel yet.
      this.#tell(openFailure(this.clientId, OPEN_REFUSED.connectFailed, words.trim()));
      this.clientClosed = true;
      this.#closedDown = true;
    } else {
      this.say(words);
      // A client that closed before may wait for this all the same.
      this.#tell(exitStatus(this.clientId, status));
      this.#tell(about(MESSAGE.eof, this.clientId));
      this.#tell(about(MESSAGE.close, this.clientId));
    }
    this.settled();
  }

  #sayGoodbye(): void {
    const goodbye = this.#goodbye;
    this.#goodbye = null;
    goodbye?.();
  }

  /** The client closed the channel. It makes no more room: of what waits for that it gets what is not data. */
  clientLeft(): void {
    this.clientClosed = true;
    this.closeUp();
    for (const waiting of this.#output.end()) this.#tell(waiting);
  }

  /** The target closed the channel: what ran is over, and what it did not answer it never will. */
  serverLeft(payload: Buffer): void {
    this.finished();
    this.serverClosed = true;
    if (this.over) this.#sayGoodbye();
    else this.pass(payload);
    this.#terminalSettled();
  }

  /** What was allowed is not wanted any more, or cannot be had. */
  abandon(verdict: Verdict): void {
    this.#legs.guard.finish(verdict, 'cancelled', `the ${this.left ? 'client' : 'target'} left while it waited`);
    this.#end('', 255);
  }

  finish(status: OutcomeStatus, message: string | null): void {
    const over = this.#lastWords();
    if (over !== null && status !== 'refused') {
      this.finish('refused', over.message);
      return;
    }
    if (this.sftp !== null) this.sftp.end(status, message);
    if (this.verdict === null) return;
    this.#legs.guard.finish(this.verdict, status, message);
  }

  /** What waits of the output. Gives why there is no room for it in a limit of policy; null: there was. */
  #lastWords(): GwError | null {
    try {
      this.outputEnded();
      return null;
    } catch (thrown) {
      const error = GwError.from(thrown);
      if (error.code !== 'policy.limit_exceeded') throw error;
      return error;
    }
  }

  /** What ran is over; how, its target said or did not. */
  finished(): void {
    if (this.over) return;
    const exit = this.#exit;
    if (exit === null) {
      const forwarded = this.kind !== 'session' || this.sftp !== null;
      this.finish(forwarded || this.clientClosed || this.#clientEof ? 'ok' : 'lost', forwarded ? null : 'ended without saying how');
    } else if ('signal' in exit) this.finish('error', `ended by signal ${exit.signal}`);
    else this.finish(exit.status === 0 ? 'ok' : 'error', `exit status ${exit.status}`);
  }
}

/** OpenSSH says so when nobody is there any more to whom the output could go (PROTOCOL, section 2.1). */
function wantsNoMore(payload: Buffer): boolean {
  return payload[0] === MESSAGE.channelRequest && new WireReader(payload, 5).name() === 'eow@openssh.com';
}
