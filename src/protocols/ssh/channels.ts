/** The channels of a session: opening and closing them from both sides, and finding the one that a message is for (RFC 4254 section 5). */
import type { GwError } from '../../contract/gw-error.js';
import type { Verdict } from '../../contract/verdict.js';
import { Channel } from './channel.js';
import { clientRequest } from './channel-requests.js';
import { CHANNEL_PACKET, CHANNELS, NAME_BYTES } from './codec/limits.js';
import { about, MESSAGE, OPEN_REFUSED, openFailure } from './codec/messages.js';
import { broken, WireReader } from './codec/wire.js';
import { askedByClient, askedByTarget } from './forwards.js';
import type { Legs } from './legs.js';
import { operationOf } from './operations.js';
import { refusalText } from './refusal.js';

/** A channel that the target opened and the client has not confirmed. */
interface Offered {
  readonly kind: string;
  readonly verdict: Verdict;
}

export class Channels {
  readonly #legs: Legs;
  readonly #byClient = new Map<number, Channel>();
  readonly #byServer = new Map<number, Channel>();
  readonly #offered = new Map<number, Offered>();
  /** Numbers of the client whose opening waits for a verdict. */
  readonly #asked = new Set<number>();
  /** The client wants no further session on this connection. */
  noMoreSessions = false;

  constructor(legs: Legs) {
    this.#legs = legs;
  }

  /** The one under whose verdict something runs. */
  running(verdict: Verdict): Channel | undefined {
    return [...this.#byClient.values()].find((channel) => channel.verdict === verdict || channel.sftp?.owns(verdict) === true);
  }

  /** Those at which people may be. */
  get sessions(): readonly Channel[] {
    return [...this.#byClient.values()].filter(({ kind, over }) => kind === 'session' && !over);
  }

  get #count(): number {
    return this.#byClient.size + this.#offered.size + this.#asked.size;
  }

  // ---- from the client

  openByClient(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const kind = reader.name();
    const id = reader.uint32();
    const window = reader.uint32();
    const packet = reader.uint32();
    if (this.#byClient.has(id) || this.#asked.has(id)) throw broken('the number of a channel twice');
    if (this.#count >= CHANNELS || (kind === 'session' && this.noMoreSessions)) {
      this.#legs.down(openFailure(id, OPEN_REFUSED.shortage, 'gw: too many channels'));
      return;
    }
    const asked = askedByClient(kind, reader);
    const channel = new Channel(this.#legs, id, kind, null);
    channel.clientPacket = packet;
    channel.handler = (message) => this.#handleFromClient(message, channel);
    if (asked === null) {
      const copy = Buffer.from(payload);
      copy.writeUInt32BE(channel.windows.fromClient(window), reader.position - 8);
      this.#byClient.set(id, channel);
      this.#legs.up(this.#legs.guard.transport(), copy);
      return;
    }
    this.#asked.add(id);
    const kept = Buffer.from(payload);
    this.#legs.ask(operationOf('forward', asked.facts, Buffer.from(asked.text), asked.forbidden), null, (verdict) => {
      this.#asked.delete(id);
      if (!verdict.allowed) {
        this.#legs.down(openFailure(id, asked.forbidden === null ? OPEN_REFUSED.prohibited : OPEN_REFUSED.unknownType, refusalText(verdict.decision)));
        return;
      }
      channel.verdict = verdict;
      this.#byClient.set(id, channel);
      this.#legs.up(verdict, kept);
    });
  }

  fromClient(payload: Buffer): void {
    const id = new WireReader(payload, 1).uint32();
    const channel = this.#byServer.get(id);
    if (channel === undefined) throw broken('a message for a channel that is not open');
    channel.take(payload);
  }

  #handleFromClient(payload: Buffer, channel: Channel): void {
    if (payload[0] === MESSAGE.close) {
      this.#closedByClient(payload, channel);
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

  #closedByClient(payload: Buffer, channel: Channel): void {
    if (channel.clientClosed) throw broken('the close of a channel twice');
    channel.clientClosed = true;
    this.#legs.withdraw(channel);
    if (!channel.over) this.#legs.up(this.#legs.guard.transport(), payload);
    this.#forget(channel);
  }

  /** The client answers an opening of the target. */
  answeredByClient(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const serverId = reader.uint32();
    const offered = this.#offered.get(serverId);
    if (offered === undefined) throw broken('an answer to a channel that nobody opened');
    this.#offered.delete(serverId);
    if (payload[0] === MESSAGE.openFailure) {
      this.#legs.guard.finish(offered.verdict, 'error', 'the client did not take it');
    } else {
      const clientId = reader.uint32();
      if (this.#byClient.has(clientId) || this.#asked.has(clientId)) throw broken('the number of a channel twice');
      const channel = new Channel(this.#legs, clientId, offered.kind, offered.verdict);
      channel.handler = (message) => this.#handleFromClient(message, channel);
      channel.serverId = serverId;
      reader.uint32();
      channel.clientPacket = reader.uint32();
      this.#byClient.set(clientId, channel);
      this.#byServer.set(serverId, channel);
    }
    this.#legs.up(offered.verdict, payload);
  }

  // ---- from the target

  openByServer(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const kind = reader.name();
    const id = reader.uint32();
    reader.uint32();
    reader.uint32();
    if (this.#byServer.has(id) || this.#offered.has(id)) throw broken('the number of a channel twice');
    const asked = askedByTarget(kind, reader);
    const kept = Buffer.from(payload);
    const refuse = (reason: number): void => this.#legs.up(this.#legs.guard.transport(), openFailure(id, reason, 'refused'));
    if (this.#count >= CHANNELS) {
      refuse(OPEN_REFUSED.shortage);
      return;
    }
    this.#legs.ask(operationOf('forward', asked.facts, Buffer.from(asked.text), asked.forbidden), null, (verdict) => {
      if (!verdict.allowed) {
        refuse(OPEN_REFUSED.prohibited);
        return;
      }
      this.#offered.set(id, { kind, verdict });
      this.#legs.down(kept);
    });
  }

  /** The target answers an opening of the client. */
  answeredByServer(payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    const channel = this.#byClient.get(reader.uint32());
    if (channel === undefined || channel.serverId !== null) throw broken('an answer to a channel that nobody opened');
    if (payload[0] === MESSAGE.openFailure) {
      this.#byClient.delete(channel.clientId);
      channel.finish('error', `the target refused it: ${openFailureText(reader)}`);
      this.#legs.down(payload);
      return;
    }
    const serverId = reader.uint32();
    if (this.#byServer.has(serverId) || this.#offered.has(serverId)) throw broken('the number of a channel twice');
    channel.serverId = serverId;
    this.#byServer.set(serverId, channel);
    const copy = Buffer.from(payload);
    copy.writeUInt32BE(channel.windows.fromTarget(reader.uint32()), reader.position - 4);
    const packet = Math.min(reader.uint32(), CHANNEL_PACKET);
    channel.targetPacket = packet;
    copy.writeUInt32BE(packet, reader.position - 4);
    this.#legs.down(copy);
    // Words that were to be said before there was a channel to say them on.
    channel.say('');
  }

  fromServer(payload: Buffer): void {
    const channel = this.#byClient.get(new WireReader(payload, 1).uint32());
    if (channel === undefined || channel.serverId === null || channel.serverClosed) throw broken('a message for a channel that is not open');
    if (payload[0] === MESSAGE.close) {
      channel.finished();
      channel.serverClosed = true;
      if (!channel.over) channel.pass(payload);
      this.#forget(channel);
      return;
    }
    if (channel.over) return;
    switch (payload[0]) {
      case MESSAGE.data:
      case MESSAGE.extendedData:
        this.#deliver(payload, channel);
        return;
      case MESSAGE.windowAdjust:
        channel.serverWindow(payload);
        return;
      case MESSAGE.eof:
        channel.outputEnded();
        channel.pass(payload);
        return;
      case MESSAGE.channelRequest:
        this.#serverRequest(payload, channel);
        return;
      default:
        // Success or failure: in the order of the requests, or not at all.
        if (!channel.replies.answered(() => this.#legs.down(payload))) throw broken('an answer to a request that nobody made');
    }
  }

  #deliver(payload: Buffer, channel: Channel): void {
    try {
      channel.serverData(payload);
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

  #forget(channel: Channel): void {
    if (!channel.closed) return;
    this.#byClient.delete(channel.clientId);
    if (channel.serverId !== null) this.#byServer.delete(channel.serverId);
  }
}

function openFailureText(reader: WireReader): string {
  reader.uint32();
  return reader.string(CHANNEL_PACKET).toString('utf8').slice(0, 200);
}
