/**
 * The channels of a session: opening and closing them from both sides, and finding the one that a message is for (RFC 4254 section 5).
 *
 * Each peer numbers its own channels and may use a number again as soon as both closed that channel between them. Numbers go through as they are,
 * so long as that is clear: a number that one side uses again while the other has not closed the channel before is shown to that one as another.
 */
import type { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import { Channel } from './channel.js';
import { clientRequest } from './channel-requests.js';
import { CHANNEL_PACKET, CHANNELS, LEAST_PACKET, NAME_BYTES } from './codec/limits.js';
import { about, MESSAGE, OPEN_REFUSED, openFailure } from './codec/messages.js';
import { broken, WireReader } from './codec/wire.js';
import { askedByClient, askedByTarget } from './forwards.js';
import type { Legs } from './legs.js';
import { operationOf } from './operations.js';
import { refusalText } from './refusal.js';
import { WaitingBytes } from './waiting-bytes.js';

/** A channel that the target opened and the client has not confirmed. */
interface Offered {
  readonly serverId: number;
  readonly kind: string;
  readonly verdict: Verdict;
  /** Room that the target offered. */
  readonly window: number;
}

export class Channels {
  readonly #legs: Legs;
  /** By the client's own numbers, and by those that it writes to. A channel is in both until it and the client closed it. */
  readonly #byClient = new Map<number, Channel>();
  readonly #byDown = new Map<number, Channel>();
  /** The same of the target. */
  readonly #byServer = new Map<number, Channel>();
  readonly #byUp = new Map<number, Channel>();
  /** By the numbers that the client knows. */
  readonly #offered = new Map<number, Offered>();
  /** Numbers of the client whose opening waits for a verdict. */
  readonly #asked = new Set<number>();
  /** The same of the target. */
  readonly #askedByTarget = new Set<number>();
  readonly #waiting = new WaitingBytes();
  /** The client wants no further session on this connection. */
  noMoreSessions = false;

  constructor(legs: Legs) {
    this.#legs = legs;
  }

  /** The one under whose verdict something runs. */
  running(verdict: Verdict): Channel | undefined {
    return [...this.#byUp.values()].find((channel) => channel.verdict === verdict || channel.sftp?.owns(verdict) === true);
  }

  /** Those at which people may be. */
  get sessions(): readonly Channel[] {
    return [...this.#byClient.values()].filter(({ kind, over, serverClosed }) => kind === 'session' && !over && !serverClosed);
  }

  get #count(): number {
    return Math.max(this.#byClient.size, this.#byUp.size) + this.#offered.size + this.#asked.size + this.#askedByTarget.size;
  }

  #made(clientId: number, kind: string, verdict: Verdict | null): Channel {
    const channel = new Channel(this.#legs, clientId, kind, verdict, this.#waiting);
    channel.handler = (message) => this.#handleFromClient(message, channel);
    channel.settled = () => this.#forget(channel);
    return channel;
  }

  /** The client's leg of a channel stands, and its opening goes up. */
  #open(channel: Channel, verdict: Verdict, payload: Buffer, numberAt: number): void {
    this.#numbered(channel, payload, numberAt);
    this.#legs.up(verdict, payload);
  }

  /** The target knows the channel by the client's number where that is free, and by what `payload` says in any case. */
  #numbered(channel: Channel, payload: Buffer, numberAt: number): void {
    channel.knownUpAs = free(channel.clientId, (number) => this.#byUp.has(number));
    payload.writeUInt32BE(channel.knownUpAs, numberAt);
    this.#byClient.set(channel.clientId, channel);
    this.#byUp.set(channel.knownUpAs, channel);
  }

  #confirmed(channel: Channel, serverId: number, knownDownAs: number): void {
    channel.serverId = serverId;
    channel.knownDownAs = knownDownAs;
    this.#byServer.set(serverId, channel);
    this.#byDown.set(knownDownAs, channel);
  }

  // ---- from the client

  openByClient(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const kind = reader.name();
    const id = reader.uint32();
    const window = reader.uint32();
    const packet = reader.uint32();
    const numberAt = reader.position - 12;
    this.#unusedByClient(id);
    if (this.#count >= CHANNELS || (kind === 'session' && this.noMoreSessions)) {
      this.#legs.down(openFailure(id, OPEN_REFUSED.shortage, 'gw: too many channels'));
      return;
    }
    if (packet < LEAST_PACKET) {
      this.#legs.down(openFailure(id, OPEN_REFUSED.shortage, `gw: packets of less than ${LEAST_PACKET} bytes`));
      return;
    }
    const asked = askedByClient(kind, reader);
    const channel = this.#made(id, kind, null);
    channel.clientPacket = packet;
    const kept = Buffer.from(payload);
    kept.writeUInt32BE(channel.windows.fromClient(window), numberAt + 4);
    if (asked === null) {
      this.#open(channel, this.#legs.guard.transport(), kept, numberAt);
      return;
    }
    this.#asked.add(id);
    this.#legs.ask(operationOf('forward', asked.facts, Buffer.from(asked.text), asked.forbidden), null, (verdict) => {
      this.#asked.delete(id);
      if (!verdict.allowed) {
        this.#legs.down(openFailure(id, asked.forbidden === null ? OPEN_REFUSED.prohibited : OPEN_REFUSED.unknownType, refusalText(verdict.decision)));
        return;
      }
      channel.verdict = verdict;
      this.#open(channel, verdict, kept, numberAt);
    });
  }

  fromClient(payload: Buffer): void {
    const id = new WireReader(payload, 1).uint32();
    const channel = this.#byDown.get(id);
    if (channel === undefined || channel.serverId === null) throw broken('a message for a channel that is not open');
    if (channel.serverId !== id) payload.writeUInt32BE(channel.serverId, 1);
    channel.take(payload);
  }

  #handleFromClient(payload: Buffer, channel: Channel): void {
    if (payload[0] === MESSAGE.close) {
      this.#closedByClient(channel);
      return;
    }
    if (channel.over) return;
    switch (payload[0]) {
      case MESSAGE.data:
      case MESSAGE.extendedData:
        channel.clientData(payload);
        return;
      case MESSAGE.windowAdjust:
        channel.clientWindow(payload);
        return;
      case MESSAGE.eof:
        channel.clientEof(payload);
        return;
      case MESSAGE.channelRequest:
        clientRequest(payload, channel, this.#legs);
        return;
      default:
        // Success or failure of a request: those of the target that are passed on want no answer.
        return;
    }
  }

  #closedByClient(channel: Channel): void {
    if (channel.clientClosed) throw broken('the close of a channel twice');
    this.#legs.withdraw(channel);
    channel.clientLeft();
    this.#forget(channel);
  }

  /** The client answers an opening of the target. */
  answeredByClient(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const number = reader.uint32();
    const offered = this.#offered.get(number);
    if (offered === undefined) throw broken('an answer to a channel that nobody opened');
    const { serverId, kind, verdict, window } = offered;
    this.#offered.delete(number);
    payload.writeUInt32BE(serverId, 1);
    if (payload[0] === MESSAGE.openFailure) {
      this.#legs.guard.finish(verdict, 'error', 'the client did not take it');
    } else {
      const clientId = reader.uint32();
      this.#unusedByClient(clientId);
      const numberAt = reader.position - 4;
      const room = reader.uint32();
      const packet = reader.uint32();
      if (packet < LEAST_PACKET) throw broken(`a channel with packets of less than ${LEAST_PACKET} bytes`);
      const channel = this.#made(clientId, kind, verdict);
      this.#numbered(channel, payload, numberAt);
      channel.windows.fromTarget(window);
      channel.windows.fromClient(room);
      channel.clientPacket = packet;
      this.#confirmed(channel, serverId, number);
    }
    this.#legs.up(verdict, payload);
  }

  // ---- from the target

  openByServer(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const kind = reader.name();
    const id = reader.uint32();
    const window = reader.uint32();
    reader.uint32();
    const numberAt = reader.position - 12;
    this.#unusedByTarget(id);
    const asked = askedByTarget(kind, reader);
    const kept = Buffer.from(payload);
    const refuse = (reason: number): void => this.#legs.up(this.#legs.guard.transport(), openFailure(id, reason, 'refused'));
    if (this.#count >= CHANNELS) {
      refuse(OPEN_REFUSED.shortage);
      return;
    }
    this.#askedByTarget.add(id);
    this.#legs.ask(operationOf('forward', asked.facts, Buffer.from(asked.text), asked.forbidden), null, (verdict) => {
      this.#askedByTarget.delete(id);
      if (!verdict.allowed) {
        refuse(OPEN_REFUSED.prohibited);
        return;
      }
      const number = this.#freeDown(id);
      kept.writeUInt32BE(number, numberAt);
      this.#offered.set(number, { serverId: id, kind, verdict, window });
      this.#legs.down(kept);
    });
  }

  /** The target answers an opening of the client. */
  answeredByServer(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const channel = this.#byUp.get(reader.uint32());
    if (channel === undefined || channel.serverId !== null) throw broken('an answer to a channel that nobody opened');
    payload.writeUInt32BE(channel.clientId, 1);
    if (payload[0] === MESSAGE.openFailure) {
      this.#byUp.delete(channel.knownUpAs);
      // The client was told before, when it was stopped.
      if (channel.over) return;
      this.#byClient.delete(channel.clientId);
      channel.finish('error', `the target refused it: ${openFailureText(reader)}`);
      this.#legs.down(payload);
      return;
    }
    const serverId = reader.uint32();
    this.#unusedByTarget(serverId);
    if (channel.over) {
      channel.serverId = serverId;
      this.#byServer.set(serverId, channel);
      channel.closeUp();
      return;
    }
    this.#confirmed(channel, serverId, this.#freeDown(serverId));
    payload.writeUInt32BE(channel.knownDownAs, reader.position - 4);
    const copy = Buffer.from(payload);
    copy.writeUInt32BE(channel.windows.fromTarget(reader.uint32()), reader.position - 4);
    const packet = Math.min(reader.uint32(), CHANNEL_PACKET);
    channel.targetPacket = packet;
    copy.writeUInt32BE(packet, reader.position - 4);
    this.#legs.down(copy);
    // Words that were to be said before there was a channel to say them on.
    channel.say('');
  }

  #unusedByClient(clientId: number): void {
    if (this.#byClient.has(clientId) || this.#asked.has(clientId)) throw broken('the number of a channel twice');
  }

  #unusedByTarget(serverId: number): void {
    if (this.#byServer.has(serverId) || this.#askedByTarget.has(serverId) || [...this.#offered.values()].some((offered) => offered.serverId === serverId))
      throw broken('the number of a channel twice');
  }

  #freeDown(serverId: number): number {
    return free(serverId, (number) => this.#byDown.has(number) || this.#offered.has(number));
  }

  fromServer(payload: Buffer): void {
    const id = new WireReader(payload, 1).uint32();
    const channel = this.#byUp.get(id);
    if (channel === undefined || channel.serverId === null || channel.serverClosed) throw broken('a message for a channel that is not open');
    if (channel.clientId !== id) payload.writeUInt32BE(channel.clientId, 1);
    if (payload[0] === MESSAGE.close) {
      channel.serverLeft(payload);
      this.#forget(channel);
      return;
    }
    if (channel.over) {
      // What the target still answers comes before last words that wait for it.
      if (payload[0] === MESSAGE.channelSuccess || payload[0] === MESSAGE.channelFailure) channel.answered(payload);
      return;
    }
    switch (payload[0]) {
      case MESSAGE.data:
      case MESSAGE.extendedData:
        this.#deliver(channel, () => channel.serverData(payload));
        return;
      case MESSAGE.windowAdjust:
        channel.serverWindow(payload);
        return;
      case MESSAGE.eof:
        this.#deliver(channel, () => channel.outputEnded());
        if (!channel.over) channel.pass(payload);
        return;
      case MESSAGE.channelRequest:
        this.#serverRequest(payload, channel);
        return;
      default:
        // Success or failure: in the order of the requests, or not at all.
        if (!channel.answered(payload)) throw broken('an answer to a request that nobody made');
    }
  }

  #deliver(channel: Channel, deliver: () => void): void {
    try {
      deliver();
    } catch (thrown) {
      const error = thrown as GwError;
      if (error.code !== 'policy.limit_exceeded') throw thrown;
      channel.stop(error, 'refused');
    }
  }

  /** How a program ended; other requests of a target are answered with no. */
  #serverRequest(payload: Buffer, channel: Channel): void {
    const reader = new WireReader(payload, 5);
    const type = reader.name();
    const wantsReply = reader.boolean();
    if (type === 'exit-status') channel.exited({ status: reader.uint32() });
    else if (type === 'exit-signal') channel.exited({ signal: reader.name(NAME_BYTES) });
    if (!wantsReply && (type === 'exit-status' || type === 'exit-signal' || type === 'xon-xoff' || type === 'eow@openssh.com')) channel.pass(payload);
    else if (wantsReply && channel.serverId !== null) this.#legs.up(this.#legs.guard.transport(), about(MESSAGE.channelFailure, channel.serverId));
  }

  /** Takes it out where it is closed. */
  #forget(channel: Channel): void {
    if (channel.clientDone) {
      drop(this.#byClient, channel.clientId, channel);
      drop(this.#byDown, channel.knownDownAs, channel);
    }
    if (channel.serverDone && channel.serverId !== null) {
      drop(this.#byServer, channel.serverId, channel);
      drop(this.#byUp, channel.knownUpAs, channel);
    }
  }
}

/** The number may be another channel's by now. */
function drop(channels: Map<number, Channel>, number: number, channel: Channel): void {
  if (channels.get(number) === channel) channels.delete(number);
}

/** `number`, or where that is taken the first one that is not. */
function free(number: number, taken: (number: number) => boolean): number {
  if (!taken(number)) return number;
  let next = 0;
  while (taken(next)) next++;
  return next;
}

function openFailureText(reader: WireReader): string {
  reader.uint32();
  return reader.string(CHANNEL_PACKET).toString('utf8').slice(0, 200);
}
