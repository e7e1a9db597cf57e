/**
 * Recordings of terminals on this machine, until the gateway has them: one file each, a line of JSON in clear and then encrypted frames
 * (`base/sealed-frames.ts`). The key was given by the gateway and is in the memory of the recording process alone, so nobody reads a
 * recording here, not even its owner; it is uploaded as it stands. Each frame is in the kernel before what it holds is shown.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isId } from '../../base/id.js';
import { nameProcess, processState, readProcessName } from '../../base/process-name.js';
import { FrameSealer } from '../../base/sealed-frames.js';
import { encodeEvent, TERMINAL_EVENT, type TerminalEvent } from '../../base/terminal-events.js';
import { CLIENT_RECORDING_LIMIT } from '../../contract/client-recording.js';
import { GwError } from '../../contract/gw-error.js';

const FORMAT = 'gw-client-recording/1';
const ENDING = '.gwr';
const HEADER_LIMIT = 16 * 1024;
/** What a frame takes beside its data, at most. */
const FRAME_COST = 128;
/** Kept for sessions, sizes and the end, so that a recording that became too long ends as it should. */
const END_BYTES = 1 << 20;

const header = z.object({ format: z.literal(FORMAT), id: z.string(), targets: z.array(z.string()), startedAt: z.string(), process: z.unknown() });

export interface Spooled {
  readonly id: string;
  readonly path: string;
  readonly targets: readonly string[];
  readonly startedAt: string;
  /** Bytes to upload, and where in the file they begin. */
  readonly bytes: number;
  readonly from: number;
  /** The program that it records still runs. */
  readonly live: boolean;
}

function failed(what: string, cause: unknown): GwError {
  return new GwError('recording.local', `${what}: ${cause instanceof Error ? cause.message : String(cause)}.`, {
    cause,
    hint: 'What cannot be recorded is not shown. Make room in the state directory of gw, then start again.',
  });
}

export class SpoolWriter {
  readonly path: string;
  readonly #file: number;
  readonly #sealer: FrameSealer;
  readonly #limit: number;
  #bytes = 0;
  /** Why it could not be written on. A later frame would stand behind one that is torn, and make of a recording that ends there one that is damaged. */
  #failure: GwError | null = null;

  private constructor(path: string, file: number, sealer: FrameSealer, limit: number) {
    this.#limit = limit;
    this.path = path;
    this.#file = file;
    this.#sealer = sealer;
  }

  /** `limit`: the gateway takes no more bytes. @throws GwError `recording.local` */
  static async create(
    dir: string,
    { id, key, targets, now }: { id: string; key: Buffer; targets: readonly string[]; now: number },
    limit = CLIENT_RECORDING_LIMIT,
  ): Promise<SpoolWriter> {
    if (!isId('rec', id)) throw new GwError('recording.local', 'The gateway gave a recording an id that is none.');
    const path = join(dir, id + ENDING);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const file = openSync(path, 'ax', 0o600);
      const head = { format: FORMAT, id, targets, startedAt: new Date(now).toISOString(), process: await nameProcess() };
      writeAll(file, Buffer.from(`${JSON.stringify(head)}\n`));
      return new SpoolWriter(path, file, new FrameSealer(key, id), limit);
    } catch (cause) {
      throw failed('The recording cannot be begun', cause);
    }
  }

  /** @throws GwError `recording.local` when it cannot be written: then what happened may not be shown */
  write(event: TerminalEvent): void {
    if (this.#failure !== null) throw this.#failure;
    const shows = event.code === TERMINAL_EVENT.output || event.code === TERMINAL_EVENT.error;
    if (this.#bytes + event.data.length + FRAME_COST > this.#limit - (shows ? END_BYTES : 0))
      throw new GwError('recording.local', `The recording is as long as the gateway takes one (${this.#limit} bytes), so its program is ended.`, {
        hint: 'What cannot be recorded is not shown. Start again; write long output into a file.',
      });
    try {
      const frame = this.#sealer.seal(encodeEvent(event));
      writeAll(this.#file, frame);
      this.#bytes += frame.length;
    } catch (cause) {
      this.#failure = failed('The recording cannot be written', cause);
      throw this.#failure;
    }
  }

  close(): void {
    fdatasyncSync(this.#file);
    closeSync(this.#file);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Oldest first. A file that is no recording of ours is left alone. */
export async function listSpool(dir: string): Promise<Spooled[]> {
  const names = await readdir(dir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw failed('Recordings on this machine cannot be listed', cause);
  });
  const found = await Promise.all(names.filter((name) => name.endsWith(ENDING)).map((name) => readSpooled(join(dir, name))));
  return found.filter((each) => each !== null).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** @throws GwError `recording.unknown` when there is none with this id; `recording.local` while it is being made */
export async function finishedRecording(dir: string, id: string): Promise<Spooled> {
  const spooled = (await listSpool(dir)).find((each) => each.id === id);
  if (spooled === undefined) throw new GwError('recording.unknown', `There is no recording "${id}" on this machine.`);
  if (spooled.live) throw new GwError('recording.local', `${id} is still being made.`, { hint: 'End its program first.' });
  return spooled;
}

async function readSpooled(path: string): Promise<Spooled | null> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const start = Buffer.alloc(HEADER_LIMIT);
    const { bytesRead } = await file.read(start, 0, HEADER_LIMIT, 0);
    const from = start.subarray(0, bytesRead).indexOf(0x0a) + 1;
    const said = from === 0 ? null : header.safeParse(parsed(start.toString('utf8', 0, from))).data;
    if (said === null || said === undefined || path !== join(path, '..', said.id + ENDING)) return null;
    const { size } = await file.stat();
    const writer = readProcessName(said.process);
    const live = writer !== null && (await processState(writer)) === 'running';
    return { id: said.id, path, targets: said.targets, startedAt: said.startedAt, bytes: size - from, from, live };
  } finally {
    await file.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not a recording of ours.
    return null;
  }
}

/** Pieces of what is to be uploaded, from `offset` on. */
export async function* readSpool({ path, from, bytes }: Spooled, offset: number, pieceBytes: number): AsyncGenerator<Buffer, void> {
  const file = await open(path, 'r');
  try {
    for (let at = offset; at < bytes; ) {
      const piece = Buffer.alloc(Math.min(pieceBytes, bytes - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, from + at);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

export async function removeSpooled({ path }: Spooled): Promise<void> {
  await rm(path, { force: true });
}
