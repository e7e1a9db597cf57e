/**
 * A new signing key takes the place of an old one: a statement that both sign, a signed note in `log/rotation.N` beside the logs. Who knows an older
 * key follows the statements to the newest. A statement is public and proves itself; what lies on disk is untrusted. Pure but for reading and writing.
 */
import { type KeyObject, randomUUID } from 'node:crypto';
import { link, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { errorCode } from '../base/error-code.js';
import { noSuchDirectory } from '../base/no-such-directory.js';
import { GwError } from '../contract/gw-error.js';
import { readBounded } from './bounded-file.js';
import { KEY_TYPE, publicKeyBytes, type VerifierKey } from './note-key.js';
import { formatNote, NOTE_BYTES, parseNote, signNote, verifyNote } from './signed-note.js';

export interface KeyRotation {
  readonly gateway: string;
  /** From 1, without gaps. */
  readonly number: number;
  /** Public keys, 32 bytes each. */
  readonly from: Buffer;
  readonly to: Buffer;
  /** RFC 3339, UTC. */
  readonly time: string;
}

/** Keys that count, and who replaced whom. */
export interface KeyChain {
  /** Those given, and those that they handed over to. */
  readonly keys: readonly Buffer[];
  /** `keys`, and those that they replaced: for checkpoints of earlier times that the log must continue. */
  readonly earlier: readonly Buffer[];
  /** The key that replaced each, by hex. */
  readonly successors: ReadonlyMap<string, string>;
  /** What is wrong with a statement; nothing after it is followed. */
  readonly problems: readonly string[];
}

const FORMAT = 'gw-key-rotation/v1';
const NAME = /^rotation\.([1-9]\d{0,5})$/;
const ROTATIONS = 10_000;

/** The statement as text. */
export function signRotation(gateway: string, number: number, from: KeyObject, to: KeyObject, time: string): string {
  const text = [FORMAT, gateway, number, publicKeyBytes(from).toString('base64'), publicKeyBytes(to).toString('base64'), time, ''].join('\n');
  return formatNote({ text, signatures: [signNote(text, gateway, from), signNote(text, gateway, to)] });
}

/** @returns null for what is no statement that both of its keys signed */
export function parseRotation(bytes: Buffer): KeyRotation | null {
  const note = parseNote(bytes);
  const [format, gateway = '', number = '', old = '', next = '', time = '', ...rest] = note?.text.split('\n') ?? [];
  if (note === null || format !== FORMAT || !/^[1-9]\d{0,5}$/.test(number) || Number.isNaN(Date.parse(time)) || rest.join() !== '') return null;
  const [from, to] = [Buffer.from(old, 'base64'), Buffer.from(next, 'base64')];
  if (from.length !== 32 || to.length !== 32 || from.equals(to) || from.toString('base64') !== old || to.toString('base64') !== next) return null;
  const signed = [from, to].every((key) => verifyNote(note, { name: gateway, type: KEY_TYPE.log, key } satisfies VerifierKey) !== false);
  return signed ? { gateway, number: Number(number), from, to, time } : null;
}

/** Follows statements from the keys given, in order. @param gateway whose they must be */
export function followRotations(gateway: string, statements: readonly Buffer[], given: readonly Buffer[]): KeyChain {
  const keys = [...given];
  const successors = new Map<string, string>();
  const problems: string[] = [];
  let last: KeyRotation | null = null;
  for (const [at, bytes] of statements.entries()) {
    const rotation = parseRotation(bytes);
    const wrong =
      rotation === null
        ? 'is not signed by both of its keys'
        : rotation.gateway !== gateway || rotation.number !== at + 1
          ? 'is of another gateway or in another place'
          : last !== null && !last.to.equals(rotation.from)
            ? 'does not begin with the key that the one before ends with'
            : null;
    if (rotation === null || wrong !== null) {
      problems.push(`the replacement ${at + 1} of the signing key ${wrong}`);
      break;
    }
    last = rotation;
    successors.set(rotation.from.toString('hex'), rotation.to.toString('hex'));
    const counts = (key: Buffer): boolean => keys.some((each) => each.equals(key));
    if (counts(rotation.from) && !counts(rotation.to)) keys.push(rotation.to);
  }
  const earlier = new Set(keys.map((key) => key.toString('hex')));
  for (const [from, to] of [...successors].reverse()) if (earlier.has(to)) earlier.add(from);
  return { keys, earlier: [...earlier].map((key) => Buffer.from(key, 'hex')), successors, problems };
}

/** The statements in a directory of logs, in order up to the first gap; one that cannot be read as such counts as empty. */
export async function readRotations(logs: string): Promise<Buffer[]> {
  const numbers = new Set((await readdir(logs).catch(noSuchDirectory)).flatMap((name) => NAME.exec(name)?.[1] ?? []));
  const statements: Buffer[] = [];
  for (let number = 1; number <= ROTATIONS && numbers.has(String(number)); number++) {
    statements.push((await readBounded(join(logs, `rotation.${number}`), NOTE_BYTES)) ?? Buffer.alloc(0));
  }
  return statements;
}

/** On disk when it resolves. @throws GwError `record.busy` when there is one of that number: its new key may be in use */
export async function keepRotation(logs: string, number: number, statement: string): Promise<void> {
  const name = `rotation.${number}`;
  const draft = `${name}.${randomUUID()}`;
  await writeWhole(logs, draft, statement);
  try {
    await link(join(logs, draft), join(logs, name));
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
    throw new GwError('record.busy', `Another process made the statement ${name} meanwhile.`, { cause, hint: 'Look at the key that it names, and try again.' });
  } finally {
    await rm(join(logs, draft), { force: true });
  }
  await syncDirectories(logs, []);
}
