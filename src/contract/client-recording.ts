/**
 * Recordings that the CLI makes of the terminal on the user's side: a second witness of a session, bound to it by an id that the gateway gave
 * out. The gateway's own record stays authoritative; this one is compared with it.
 */
import type { Identity } from './identity.js';

/** `open`: not uploaded as a whole. `complete`: with the end of the program. `interrupted`: it ends without it. `damaged`: not what was written. */
export const CLIENT_RECORDING_STATES = ['open', 'complete', 'interrupted', 'damaged'] as const;
export type ClientRecordingState = (typeof CLIENT_RECORDING_STATES)[number];

/** Largest recording that is taken, bytes as uploaded. */
export const CLIENT_RECORDING_LIMIT = 1 << 30;
/** A session may end so much later than its recording, milliseconds: what is under way when a program ends arrives later. */
export const CLIENT_RECORDING_TOLERANCE_MS = 10_000;
/** Largest piece of one upload, bytes. */
export const CLIENT_RECORDING_PIECE = 256 * 1024;

/** Recordings of a subject under which sessions can be opened, and none was: so many at a time. One that has a session is of a person who got to a target. */
export const LOOSE_RECORDINGS_LIMIT = 100;
/** All that was uploaded of a subject without a session, bytes. */
export const LOOSE_BYTES_LIMIT: number = 2 * CLIENT_RECORDING_LIMIT;

export interface ClientRecording {
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly targets: readonly string[];
  /** RFC 3339, by the gateway's clock. */
  readonly createdAt: string;
  readonly state: ClientRecordingState;
  /** Bytes that were uploaded. */
  readonly received: number;
  /** SHA-256 of them, hex; null while it is open. */
  readonly digest: string | null;
  /** How long it lasts, milliseconds; null while it is open. */
  readonly durationMs: number | null;
  /** In what it differs from the gateway's record, for people. Sessions that go on after it ended are among them as soon as they do. */
  readonly problems: readonly string[];
  /** Sessions whose terminals it shows as the gateway recorded them, byte by byte. */
  readonly compared: readonly string[];
  /** Sessions of which only the name was compared, and why (the first hundred). Of recordings that an older gateway judged both are empty. */
  readonly uncompared: readonly Uncompared[];
}

export interface Uncompared {
  readonly session: string;
  /** For people. */
  readonly why: string;
}

/** What the content of a recording is beside the gateway's: `in part`: that of some of its sessions agrees, of others only the name was compared. */
export type ContentVerdict = 'agrees' | 'agrees in part' | 'not compared' | 'differs';

/** A session that was opened under a recording. */
export interface RecordedUnder {
  readonly id: string;
  readonly protocol: string;
  /** Which gateway process holds the journal. */
  readonly journal: string;
  readonly content: 'kept' | 'erased' | 'expired';
}

export interface ClientRecordingEnd {
  readonly state: Exclude<ClientRecordingState, 'open'>;
  readonly digest: string;
  readonly durationMs: number;
  readonly problems: readonly string[];
  readonly compared: readonly string[];
  readonly uncompared: readonly Uncompared[];
}

export interface ClientRecordingStore {
  /** `key` encrypts its content; whoever made it never writes it down. */
  create(recording: Pick<ClientRecording, 'id' | 'issuer' | 'subject' | 'name' | 'targets' | 'createdAt'>, key: Buffer): Promise<void>;
  find(id: string): Promise<ClientRecording | null>;
  /** Newest first. */
  list(filter: { readonly issuer?: string; readonly subject?: string; readonly limit: number }): Promise<ClientRecording[]>;
  /** Appends a piece that begins at `offset`. Gives how many bytes there are now: with another answer than expected nothing was taken. */
  append(id: string, offset: number, bytes: Buffer): Promise<number>;
  /**
   * It is about to be judged: from now on nothing is appended, and `isClosed` says so. That stays if the gateway dies meanwhile: then it is judged when
   * its client says again that it has ended.
   */
  close(id: string): Promise<void>;
  isClosed(id: string): Promise<boolean>;
  /** `judged`: the sessions that it was judged with; one that turns up later under it is a problem. False: it had ended before. */
  end(id: string, end: ClientRecordingEnd, judged: readonly string[]): Promise<boolean>;
  key(id: string): Promise<Buffer | null>;
  /** What was uploaded, in order. */
  content(id: string): AsyncIterable<Buffer>;
  /** How many recordings of a subject that were begun since then (RFC 3339) are open and have no session. */
  countLoose(owner: Pick<ClientRecording, 'issuer' | 'subject'>, since: string): Promise<number>;
  /** Bytes that were uploaded of all recordings of its owner that have no session; 0 when it has one itself. */
  looseBytes(recording: Pick<ClientRecording, 'id' | 'issuer' | 'subject'>): Promise<number>;
  /** The sessions that were opened under it. */
  sessions(id: string): Promise<readonly RecordedUnder[]>;
}

/** What is to be said of a recording that was uploaded. */
export function contentVerdict({ problems, compared, uncompared }: Pick<ClientRecording, 'problems' | 'compared' | 'uncompared'>): ContentVerdict {
  if (problems.length > 0) return 'differs';
  if (compared.length === 0) return 'not compared';
  return uncompared.length === 0 ? 'agrees' : 'agrees in part';
}

/** What of them the path of a session needs. */
export interface ClientRecordingDoor {
  /** @throws GwError `recording.unknown` when it is not this identity's, not for this target, or over */
  admit(id: string, identity: Identity, target: string): Promise<void>;
}
