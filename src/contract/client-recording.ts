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
}

export interface ClientRecordingEnd {
  readonly state: Exclude<ClientRecordingState, 'open'>;
  readonly digest: string;
  readonly durationMs: number;
  readonly problems: readonly string[];
}

export interface ClientRecordingStore {
  /** `key` encrypts its content; whoever made it never writes it down. */
  create(recording: Pick<ClientRecording, 'id' | 'issuer' | 'subject' | 'name' | 'targets' | 'createdAt'>, key: Buffer): Promise<void>;
  find(id: string): Promise<ClientRecording | null>;
  /** Newest first. */
  list(filter: { readonly issuer?: string; readonly subject?: string; readonly limit: number }): Promise<ClientRecording[]>;
  /** Appends a piece that begins at `offset`. Gives how many bytes there are now: with another answer than expected nothing was taken. */
  append(id: string, offset: number, bytes: Buffer): Promise<number>;
  /** False: it had ended before. */
  end(id: string, end: ClientRecordingEnd): Promise<boolean>;
  key(id: string): Promise<Buffer | null>;
  /** What was uploaded, in order. */
  content(id: string): AsyncIterable<Buffer>;
  /** Ids of the sessions that were opened under it. */
  sessions(id: string): Promise<readonly string[]>;
}

/** What of them the path of a session needs. */
export interface ClientRecordingDoor {
  /** @throws GwError `recording.unknown` when it is not this identity's, not for this target, or over */
  admit(id: string, identity: Identity, target: string): Promise<void>;
}
