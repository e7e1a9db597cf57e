/**
 * The gateway's side of recordings that are made by the CLI: gives out id and key, admits sessions under them, takes what is uploaded and
 * compares it, as a whole, with the sessions that were opened and with what was recorded of them. All that a client says is untrusted: it can leave its recording out, and that is
 * seen; it cannot pass off another one.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { isId, newId } from '../../base/id.js';
import { pause } from '../../base/pause.js';
import { FrameOpener, SEALED_KEY_BYTES } from '../../base/sealed-frames.js';
import { decodeEvents, TERMINAL_EVENT } from '../../base/terminal-events.js';
import {
  CLIENT_RECORDING_LIMIT,
  CLIENT_RECORDING_TOLERANCE_MS,
  type ClientRecording,
  type ClientRecordingDoor,
  type ClientRecordingEnd,
  type ClientRecordingStore,
  LOOSE_BYTES_LIMIT,
  LOOSE_RECORDINGS_LIMIT,
  type RecordedUnder,
} from '../../contract/client-recording.js';
import { GwError } from '../../contract/gw-error.js';
import type { Identity } from '../../contract/identity.js';
import { castOf } from './cast-of-recording.js';
import { type Comparison, type ReadRecord, TerminalComparison } from './compare-terminals.js';

/** How long after it was given out sessions may be opened under it: as long as a login lasts at the most. */
const OPEN_MS = 24 * 60 * 60_000;
/** Sessions that a recording may name. */
const SESSIONS_NAMED = 10_000;
/** A session may still be ending when its client has uploaded: so often, and so long each time, its end is waited for. */
const END_LOOKS = 20;
const END_LOOK_MS = 100;

interface Content {
  readonly digest: string;
  readonly durationMs: number;
  readonly ended: boolean;
  readonly named: ReadonlySet<string>;
  readonly damage: string | null;
}

export class ClientRecordings implements ClientRecordingDoor {
  readonly #store: ClientRecordingStore;
  readonly #clock: Clock;

  readonly #read: ReadRecord;

  /** @param read gives the gateway's record of a session */
  constructor(store: ClientRecordingStore, clock: Clock, read: ReadRecord) {
    this.#store = store;
    this.#clock = clock;
    this.#read = read;
  }

  async begin(id: string, identity: Identity, targets: readonly string[]): Promise<Buffer> {
    const { issuer, subject, name } = identity;
    const key = randomBytes(SEALED_KEY_BYTES);
    await this.#store.create({ id, issuer, subject, name, targets, createdAt: new Date(this.#clock.now()).toISOString() }, key);
    return key;
  }

  /** Of calls at the same moment each finds the same room: a few more may be begun. @throws GwError `recording.limit` */
  async requireRoom(identity: Identity): Promise<void> {
    const count = await this.#store.countLoose(identity, new Date(this.#clock.now() - OPEN_MS).toISOString());
    if (count >= LOOSE_RECORDINGS_LIMIT)
      throw new GwError('recording.limit', `${count} recordings that you began in the last day are open, and no session was opened under them.`);
  }

  newId(): string {
    return newId('rec', this.#clock.now());
  }

  async admit(id: string, { issuer, subject }: Identity, target: string): Promise<void> {
    const recording = isId('rec', id) ? await this.#store.find(id) : null;
    const open = recording !== null && recording.state === 'open' && this.#clock.now() - Date.parse(recording.createdAt) < OPEN_MS;
    if (!open || recording.issuer !== issuer || recording.subject !== subject || !recording.targets.includes(target) || (await this.#store.isClosed(id)))
      throw new GwError('recording.unknown', 'This session was to belong to a recording that is not open for it.');
  }

  find(id: string): Promise<ClientRecording | null> {
    return isId('rec', id) ? this.#store.find(id) : Promise.resolve(null);
  }

  list(filter: Parameters<ClientRecordingStore['list']>[0]): Promise<ClientRecording[]> {
    return this.#store.list(filter);
  }

  /** Bytes there are now. @throws GwError `recording.limit`; `recording.upload` when it is over, too long, or the piece does not continue it */
  async append(recording: ClientRecording, offset: number, bytes: Buffer): Promise<number> {
    if (recording.state !== 'open') throw new GwError('recording.upload', `${recording.id} was uploaded as a whole already.`);
    if (offset + bytes.length > CLIENT_RECORDING_LIMIT)
      throw new GwError('recording.upload', `A recording of more than ${CLIENT_RECORDING_LIMIT} bytes is not taken.`);
    if ((await this.#store.looseBytes(recording)) + bytes.length > LOOSE_BYTES_LIMIT)
      throw new GwError(
        'recording.limit',
        `No session was opened under ${recording.id}, and of such recordings more than ${LOOSE_BYTES_LIMIT} bytes are not taken.`,
      );
    const received = await this.#store.append(recording.id, offset, bytes);
    if (received !== offset + bytes.length)
      throw new GwError('recording.upload', `A piece for byte ${offset} came when ${received} bytes were there.`, { detail: { received } });
    return received;
  }

  /**
   * All of it is there: `digest` is what the client has. Judges it, and lets `tell` write the judgement down before it counts.
   * @throws GwError `recording.upload` when the gateway has something else
   */
  async end(recording: ClientRecording, bytes: number, digest: string, tell: (end: ClientRecordingEnd) => Promise<void>): Promise<ClientRecording> {
    if (recording.state !== 'open') return recording;
    if (recording.received !== bytes)
      throw new GwError('recording.upload', `${recording.received} of ${bytes} bytes are there.`, { detail: { received: recording.received } });
    // What is judged now neither grows nor is joined by further sessions. One that was let in a moment ago and is not written down yet shows later.
    await this.#store.close(recording.id);
    const content = await this.#content(recording.id);
    if (content.digest !== digest) throw new GwError('recording.upload', 'What arrived is not what was sent.', { detail: { received: recording.received } });
    const sessions = await this.#store.sessions(recording.id);
    const { problems, compared, uncompared } = await this.#compare(recording, content, sessions);
    const end: ClientRecordingEnd = {
      state: content.damage !== null ? 'damaged' : content.ended ? 'complete' : 'interrupted',
      digest,
      durationMs: content.durationMs,
      problems,
      compared,
      uncompared,
    };
    await tell(end);
    await this.#store.end(
      recording.id,
      end,
      sessions.map(({ id }) => id),
    );
    return (await this.#store.find(recording.id)) ?? recording;
  }

  /** As an asciicast of version 3. @throws GwError `recording.unknown` when its key or content is gone */
  async cast(recording: ClientRecording): Promise<AsyncIterable<string>> {
    const key = await this.#key(recording.id);
    return castOf(recording, new FrameOpener(key, recording.id), this.#store.content(recording.id));
  }

  async #key(id: string): Promise<Buffer> {
    const key = await this.#store.key(id);
    if (key === null) throw new GwError('recording.unknown', `The key of ${id} is gone.`);
    return key;
  }

  async #content(id: string): Promise<Content> {
    const opener = new FrameOpener(await this.#key(id), id);
    const hash = createHash('sha256');
    const named = new Set<string>();
    let [durationMs, ended, begun, damage]: [number, boolean, boolean, string | null] = [0, false, false, null];
    for await (const piece of this.#store.content(id)) {
      hash.update(piece);
      for (const opened of opener.push(piece)) {
        const events = opened.kind === 'frame' ? decodeEvents(opened.plain) : null;
        if (events === null) {
          damage ??= opened.kind === 'broken' ? `${opened.why} (frame ${opened.frame})` : 'a frame holds no events';
          continue;
        }
        for (const { code, at, data } of events) {
          if ((code === TERMINAL_EVENT.begin) === begun || ended || at < durationMs) damage ??= 'its events are not in order';
          begun = true;
          durationMs = Math.max(durationMs, at);
          if (code === TERMINAL_EVENT.exit) ended = true;
          if (code === TERMINAL_EVENT.session && named.size < SESSIONS_NAMED) named.add(data.toString('latin1'));
        }
      }
    }
    // A torn frame behind the end was not written by a recorder.
    if (ended && opener.torn > 0) damage ??= 'there are bytes after its end';
    return { digest: hash.digest('hex'), durationMs, ended, named, damage };
  }

  async #compare(recording: ClientRecording, content: Content, sessions: readonly RecordedUnder[]): Promise<Comparison> {
    const problems: string[] = [];
    if (content.damage !== null) problems.push(content.damage);
    else if (!content.ended) problems.push('it ends before its program did');
    if (content.durationMs > this.#clock.now() - Date.parse(recording.createdAt) + CLIENT_RECORDING_TOLERANCE_MS)
      problems.push('it says that it lasted longer than since it began');
    const known = new Set(sessions.map(({ id }) => id));
    for (const id of known) if (!content.named.has(id)) problems.push(`it does not name the session ${id}, which was opened under it`);
    for (const id of content.named) if (!known.has(id)) problems.push(`it names a session that was not opened under it${isId('ses', id) ? `, ${id}` : ''}`);
    if (content.damage !== null) return { problems, compared: [], uncompared: [] };
    const compared = await this.#compareTerminals(recording.id, sessions, content.ended);
    return { ...compared, problems: [...problems, ...compared.problems] };
  }

  async #compareTerminals(id: string, sessions: readonly RecordedUnder[], whole: boolean): Promise<Comparison> {
    let looks = 0;
    const more = async (): Promise<boolean> => {
      if (looks++ >= END_LOOKS) return false;
      await pause(END_LOOK_MS, new AbortController().signal);
      return true;
    };
    const comparison = await TerminalComparison.of(sessions, this.#read, more);
    try {
      if (comparison.isEmpty) return await comparison.end(whole);
      const opener = new FrameOpener(await this.#key(id), id);
      for await (const piece of this.#store.content(id))
        for (const opened of opener.push(piece))
          for (const event of opened.kind === 'frame' ? (decodeEvents(opened.plain) ?? []) : []) await comparison.take(event);
      return await comparison.end(whole);
    } finally {
      await comparison.close();
    }
  }
}
