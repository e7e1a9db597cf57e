/**
 * SFTP on one channel. Every request with a path is an operation of its own; what is read and written goes under the verdict of the opening
 * and is recorded there. Requests and answers are cut out of the stream; file content passes as it comes. A refused request is answered here,
 * and never reaches the target.
 *
 * Before the client's first request the gateway asks where SFTP starts, so that policy sees whole paths.
 */
import type { OutcomeStatus } from '../../../contract/recording.js';
import type { Verdict } from '../../../contract/verdict.js';
import { SFTP_HANDLE, SFTP_OPEN, SFTP_REQUEST, WAITING_BYTES } from '../codec/limits.js';
import { answerHead, headOf, SFTP, type SftpPart, SftpSplitter, STATUS, sftpInit, sftpReader, sftpRealpath, sftpStatus, sftpVersion } from '../codec/sftp.js';
import { broken } from '../codec/wire.js';
import type { Legs, Speaker } from '../legs.js';
import { operationOf } from '../operations.js';
import { refusalText } from '../refusal.js';
import { FileTransfer } from './file-transfer.js';
import { CARRIED_EXTENSIONS, changesHandle, readRequest, type SftpRequest } from './sftp-requests.js';

/** The channel that SFTP runs on, as far as it matters here. */
export interface SftpChannel extends Speaker {
  readonly windows: { readonly budget: number; spend(bytes: number): void };
  readonly clientClosed: boolean;
  sendUp(verdict: Verdict, bytes: Buffer): void;
  sendDown(bytes: Buffer): void;
  /** The client's bytes went nowhere: it gets room for them again. */
  creditClient(bytes: number): void;
  /** The target's bytes were for the gateway: it gets room for them again. */
  creditTarget(bytes: number): void;
}

interface OpenHandle {
  readonly verdict: Verdict;
  readonly path: string;
  readonly transfer: FileTransfer;
}

/** A request at the target. */
interface Pending {
  readonly verdict: Verdict;
  /** Path that a handle is opened for. */
  readonly opens: string | null;
  readonly handle: OpenHandle | null;
  readonly closes: string | null;
  readonly offset: bigint | null;
  /** An operation of its own, over with its answer. */
  readonly single: boolean;
}

/** An answer whose data is coming. */
interface Reading {
  readonly verdict: Verdict;
  readonly transfer: FileTransfer | null;
  left: number;
  /** It is the whole result of its operation. */
  readonly single: boolean;
}

export class SftpRelay {
  readonly #channel: SftpChannel;
  readonly #legs: Legs;
  /** Of the stream itself. */
  readonly #verdict: Verdict;
  readonly #requests = new SftpSplitter(headOf);
  readonly #answers = new SftpSplitter((type) => (this.#state === 'running' ? answerHead(type) : null));
  readonly #pending = new Map<number, Pending>();
  readonly #handles = new Map<string, OpenHandle>();
  #state: 'new' | 'greeted' | 'locating' | 'running' = 'new';
  #home: string | null = null;
  /** The target's greeting, kept until it is known where SFTP starts. */
  #greeting: Buffer | null = null;
  /** A question is open: what the client sends waits. */
  #asking = false;
  /** Answers of the gateway that found no room in the client's window; while there are some, nothing more is read of the client. */
  readonly #replies: Buffer[] = [];
  /** The client says no more: what is done about that once nothing waits. Null: it may say more, or that is done. */
  #ended: (() => void) | null = null;
  /** Where the data of the write in hand goes; null: nowhere. */
  #writing: OpenHandle | null = null;
  #reading: Reading | null = null;
  /** What goes up next; what follows it in memory and under the same verdict goes in the same message. */
  #run: { readonly verdict: Verdict; readonly bytes: Buffer } | null = null;
  #over = false;

  constructor(channel: SftpChannel, legs: Legs, verdict: Verdict) {
    this.#channel = channel;
    this.#legs = legs;
    this.#verdict = verdict;
  }

  owns(verdict: Verdict): boolean {
    return [...this.#handles.values()].some((handle) => handle.verdict === verdict) || [...this.#pending.values()].some((each) => each.verdict === verdict);
  }

  // ---- requests

  /** What comes behind the end goes nowhere. */
  fromClient(chunk: Buffer): void {
    if (this.#over) return;
    this.#requests.push(chunk);
    this.#work();
  }

  /** The client says no more; `pass` is called once all that it said went where it goes. */
  clientEnded(pass: () => void): void {
    this.#ended = pass;
    this.resume();
  }

  /** Goes on with what waited: for a verdict, or for room in the client's window. */
  resume(): void {
    if (this.#over) return;
    this.#flush();
    this.#work();
  }

  #work(): void {
    let dropped = 0;
    while (!this.#asking && this.#replies.length === 0) {
      const part = this.#requests.next();
      if (part === null) break;
      dropped += part.kind === 'data' ? this.#content(part.bytes) : this.#request(part);
    }
    this.#sendRun();
    this.#requests.keep();
    if (this.#requests.held > WAITING_BYTES) throw broken('more than the window of a channel holds');
    this.#channel.creditClient(dropped);
    if (this.#asking || this.#replies.length > 0) return;
    const ended = this.#ended;
    this.#ended = null;
    ended?.();
  }

  /** Bytes that do not go up. */
  #request(part: Exclude<SftpPart, { kind: 'data' }>): number {
    const { type, packet } = part;
    if (type === SFTP.init) return this.#init(packet);
    if (this.#state !== 'running') throw broken('an SFTP request before the greeting');
    const { id, reader } = sftpReader(packet);
    if (this.#pending.has(id)) throw broken('the number of an SFTP request twice');
    const request = type === SFTP.fsetstat ? this.#handleChange(reader.string(SFTP_HANDLE).toString('latin1')) : readRequest(type, reader, this.#home);
    if (request.kind === 'judged') return this.#judge(id, packet, request);
    if (request.kind === 'handle') return this.#withHandle(id, part, request);
    this.#send(id, packet, { verdict: this.#verdict, opens: null, handle: null, closes: null, offset: null, single: false });
    return 0;
  }

  #handleChange(handle: string): SftpRequest {
    const open = this.#handles.get(handle);
    return open === undefined ? { kind: 'handle', handle, closes: false, offset: null } : changesHandle(open.path, this.#home);
  }

  #init(packet: Buffer): number {
    if (this.#state !== 'new') throw broken('an SFTP greeting twice');
    this.#state = 'greeted';
    const own = sftpInit();
    // Only version 3 is read here. A longer greeting is shortened; a shorter one there is not.
    this.#up(this.#verdict, own);
    return packet.length - own.length;
  }

  #up(verdict: Verdict, bytes: Buffer): void {
    const run = this.#run;
    if (run !== null && run.verdict === verdict && run.bytes.buffer === bytes.buffer && run.bytes.byteOffset + run.bytes.length === bytes.byteOffset)
      this.#run = { verdict, bytes: Buffer.from(bytes.buffer, run.bytes.byteOffset, run.bytes.length + bytes.length) };
    else {
      this.#sendRun();
      this.#run = { verdict, bytes };
    }
  }

  #sendRun(): void {
    const run = this.#run;
    this.#run = null;
    if (run !== null) this.#channel.sendUp(run.verdict, run.bytes);
  }

  #withHandle(id: number, { kind, packet }: SftpPart & { packet: Buffer }, { handle, closes, offset }: Extract<SftpRequest, { kind: 'handle' }>): number {
    const open = this.#handles.get(handle);
    if (kind === 'head') this.#writing = open ?? null;
    if (open === undefined) {
      this.#reply(sftpStatus(id, STATUS.failure, 'gw: no such handle'));
      return packet.length;
    }
    if (kind === 'head') open.transfer.written.at(offset ?? 0n);
    this.#send(id, packet, { verdict: open.verdict, opens: null, handle: open, closes: closes ? handle : null, offset, single: false });
    return 0;
  }

  #judge(id: number, packet: Buffer, request: Extract<SftpRequest, { kind: 'judged' }>): number {
    const kept = Buffer.from(packet);
    let dropped = 0;
    let later = false;
    this.#asking = true;
    this.#legs.ask(operationOf('sftp', request.facts, Buffer.from(request.text), request.forbidden), this.#channel, (verdict) => {
      this.#asking = false;
      if (this.#over || this.#channel.clientClosed) {
        // The channel, or its number, is somebody else's by now.
        if (verdict.allowed) this.#legs.guard.finish(verdict, 'cancelled', 'the client left while it waited');
        return;
      }
      if (verdict.allowed) {
        const single = request.opens === null;
        this.#send(id, kept, { verdict, opens: request.opens, handle: null, closes: null, offset: null, single });
      } else {
        this.#reply(sftpStatus(id, request.forbidden === null ? STATUS.permissionDenied : STATUS.unsupported, refusalText(verdict.decision)));
        if (later) this.#channel.creditClient(kept.length);
        else dropped = kept.length;
      }
      if (later) this.resume();
    });
    later = true;
    return dropped;
  }

  #send(id: number, packet: Buffer, pending: Pending): void {
    if (this.#pending.size + this.#handles.size >= SFTP_OPEN) throw broken('too many SFTP requests and files at a time');
    this.#pending.set(id, pending);
    this.#up(pending.verdict, packet);
  }

  #content(bytes: Buffer): number {
    const writing = this.#writing;
    if (writing === null) return bytes.length;
    this.#legs.guard.receive(writing.verdict, bytes);
    writing.transfer.written.add(bytes);
    this.#up(writing.verdict, bytes);
    return 0;
  }

  #reply(packet: Buffer): void {
    this.#replies.push(packet);
    this.#flush();
  }

  #flush(): void {
    for (let next = this.#replies[0]; next !== undefined && next.length <= this.#channel.windows.budget; next = this.#replies[0]) {
      this.#replies.shift();
      this.#channel.windows.spend(next.length);
      this.#channel.sendDown(next);
    }
  }

  // ---- answers

  /** `payload`: the message of the target that `chunk` is all the data of. */
  fromServer(chunk: Buffer, payload: Buffer): void {
    let asItCame = this.#answers.held === 0;
    this.#answers.push(chunk);
    const pieces: Buffer[] = [];
    let own = 0;
    for (let part = this.#answers.next(); part !== null; part = this.#answers.next()) {
      const bytes = part.kind === 'data' ? part.bytes : part.packet;
      const passed = part.kind === 'data' ? this.#answerContent(part.bytes) : this.#answer(part);
      if (passed !== bytes) asItCame = false;
      // The greeting is passed on later, what is left of it.
      if (passed === null) own += bytes.length - (this.#greeting?.length ?? 0);
      else pieces.push(passed);
    }
    asItCame &&= this.#answers.held === 0;
    this.#answers.keep();
    this.#channel.creditTarget(own);
    if (asItCame) this.#legs.down(payload);
    else if (pieces.length > 0) this.#channel.sendDown(Buffer.concat(pieces));
  }

  /** The packet to pass on; null: it was the gateway that asked. */
  #answer(part: Exclude<SftpPart, { kind: 'data' }>): Buffer | null {
    const { type, packet } = part;
    if (this.#state !== 'running') return this.#start(type, packet);
    const { id, reader } = sftpReader(packet);
    const pending = this.#pending.get(id);
    if (pending === undefined) throw broken('an answer to an SFTP request that nobody made');
    this.#pending.delete(id);
    if (part.kind === 'whole') {
      this.#settle(
        type,
        pending,
        type === SFTP.status ? reader.uint32() : STATUS.ok,
        type === SFTP.handle ? reader.string(SFTP_HANDLE).toString('latin1') : null,
      );
      return packet;
    }
    const transfer = type === SFTP.data ? (pending.handle?.transfer ?? null) : null;
    transfer?.read.at(pending.offset ?? 0n);
    this.#reading = { verdict: pending.verdict, transfer, left: part.data, single: pending.single };
    this.#readOn(0);
    return packet;
  }

  #readOn(bytes: number): void {
    const reading = this.#reading;
    if (reading === null || (reading.left -= bytes) > 0) return;
    this.#reading = null;
    if (reading.single) this.#legs.guard.finish(reading.verdict, 'ok', null);
  }

  /** What an answer means for what was asked. */
  #settle(type: number, pending: Pending, status: number, handle: string | null): void {
    const failed = status !== STATUS.ok && status !== STATUS.eof;
    if (pending.opens !== null) {
      if (type === SFTP.handle && handle !== null) {
        if (this.#handles.has(handle)) throw broken('the same SFTP handle twice');
        this.#handles.set(handle, { verdict: pending.verdict, path: pending.opens, transfer: new FileTransfer(this.#legs.guard.digests(pending.verdict)) });
      } else this.#legs.guard.finish(pending.verdict, 'error', `SFTP status ${status}`);
    } else if (pending.closes !== null) {
      const open = this.#handles.get(pending.closes);
      this.#handles.delete(pending.closes);
      if (open !== undefined)
        this.#legs.guard.finish(open.verdict, failed ? 'error' : 'ok', failed ? `SFTP status ${status}; ${open.transfer.words()}` : open.transfer.words());
    } else if (pending.single) this.#legs.guard.finish(pending.verdict, failed ? 'error' : 'ok', failed ? `SFTP status ${status}` : null);
  }

  #answerContent(bytes: Buffer): Buffer {
    const reading = this.#reading;
    if (reading === null) throw broken('data that nobody asked for');
    const delivered = this.#legs.guard.deliver(reading.verdict, bytes, 0);
    reading.transfer?.read.add(bytes);
    this.#readOn(bytes.length);
    return delivered === bytes ? bytes : Buffer.from(delivered);
  }

  /** The greeting, and then where SFTP starts; only then the client gets its greeting. */
  #start(type: number, packet: Buffer): null {
    if (this.#state === 'greeted' && type === SFTP.version) {
      if (packet.length < 9 || packet.readUInt32BE(5) !== 3) throw broken('an SFTP greeting of a version other than 3');
      this.#state = 'locating';
      this.#greeting = sftpVersion(packet, CARRIED_EXTENSIONS);
      this.#channel.sendUp(this.#verdict, sftpRealpath(0, '.'));
      return null;
    }
    if (this.#state !== 'locating' || (type !== SFTP.name && type !== SFTP.status)) throw broken('an SFTP answer before the greeting');
    const { reader } = sftpReader(packet);
    if (type === SFTP.name && reader.uint32() === 1) this.#home = reader.string(SFTP_REQUEST).toString('utf8');
    this.#state = 'running';
    // What was kept of the greeting is the client's; only the answer about the start is the gateway's own.
    if (this.#greeting !== null) this.#channel.sendDown(this.#greeting);
    this.#greeting = null;
    return null;
  }

  // ---- the end

  /** The channel is over: what is open in it, too. */
  end(status: OutcomeStatus, message: string | null): void {
    this.#over = true;
    this.#run = null;
    for (const { verdict, transfer } of this.#handles.values())
      this.#legs.guard.finish(verdict, status === 'ok' ? 'cancelled' : status, message ?? transfer.words());
    for (const { verdict, single, opens } of this.#pending.values()) if (single || opens !== null) this.#legs.guard.finish(verdict, 'lost', message);
    this.#handles.clear();
    this.#pending.clear();
  }
}
