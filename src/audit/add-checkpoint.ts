/**
 * The request `add-checkpoint` of C2SP tlog-witness: how a log shows a witness that it grew, and what the witness answers. The logic of both sides without
 * the network: bytes in, bytes and a status out. Requests and answers are untrusted.
 */
import { emptyRoot, HASH_BYTES } from '../base/merkle-hash.js';
import { verifyConsistency } from '../base/merkle-proof.js';
import { isSigned, type ParsedCheckpoint, parseCheckpoint } from './checkpoint.js';
import { KEY_TYPE, type VerifierKey } from './note-key.js';
import { formatNote, NOTE_BYTES, type NoteSignature, verifyNote } from './signed-note.js';
import { keepCosigned, lastCosigned, type Witness } from './witness-state.js';

/** Hashes of a proof of the largest tree (tlog-witness). */
const PROOF_LINES = 63;
/** Longest request, bytes. */
export const ADD_CHECKPOINT_BYTES: number = NOTE_BYTES + (PROOF_LINES + 1) * 64;
/** What an answer 409 with the size of the last cosigned checkpoint is. */
export const SIZE_TYPE = 'text/x.tlog.size';

export interface AddCheckpoint extends ParsedCheckpoint {
  /** Size of the checkpoint that the witness has, as who asks believes. */
  readonly old: number;
  readonly proof: readonly Buffer[];
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly type: string;
  readonly body: string;
}

export function encodeAddCheckpoint(old: number, proof: readonly Buffer[], note: string): string {
  return `old ${old}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`;
}

/** @returns null for what is no such request */
export function parseAddCheckpoint(bytes: Buffer): AddCheckpoint | null {
  const split = bytes.indexOf('\n\n');
  if (split < 0 || bytes.length > ADD_CHECKPOINT_BYTES) return null;
  const [first = '', ...lines] = bytes.subarray(0, split).toString('latin1').split('\n');
  const old = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1];
  const proof = lines.map((line) => Buffer.from(line, 'base64'));
  const whole = proof.every((hash, at) => hash.length === HASH_BYTES && hash.toString('base64') === lines[at]);
  const parsed = parseCheckpoint(bytes.subarray(split + 2), true);
  if (old === undefined || !Number.isSafeInteger(Number(old)) || !whole || proof.length > PROOF_LINES || parsed === null) return null;
  return { ...parsed, old: Number(old), proof };
}

/**
 * Cosigns a checkpoint that continues the last one, and remembers it first. Calls must come one after the other: what is compared must still be so when it is
 * kept.
 * @param logs public keys of logs, each by the name of its log
 * @param time seconds since the epoch
 * @throws GwError `audit.invalid` when the state is damaged; errors of the file system: nothing was cosigned then
 */
export async function answerAddCheckpoint(bytes: Buffer, witness: Witness, logs: readonly VerifierKey[], time: number): Promise<WitnessAnswer> {
  const request = parseAddCheckpoint(bytes);
  if (request === null) return refuse(400, 'this is no request of tlog-witness');
  const { checkpoint, note, old, proof } = request;
  const { origin, size, root } = checkpoint;
  const keys = logs.filter(({ name, type }) => name === origin && type === KEY_TYPE.log);
  if (keys.length === 0) return refuse(404, 'this log is not known here');
  // What others signed beside them is none of the witness's business, and is not kept.
  const signatures = note.signatures.filter((signature) => keys.some(({ key }) => isSigned({ ...note, signatures: [signature] }, origin, [key])));
  if (signatures.length === 0) return refuse(403, 'no key of this log that is known here signed the checkpoint');
  if (old > size) return refuse(400, 'the old size is larger than that of the checkpoint');
  const last = await lastCosigned(witness, origin);
  if (old !== (last?.size ?? 0)) return { status: 409, type: SIZE_TYPE, body: `${last?.size ?? 0}\n` };
  if (old === size && !root.equals(last?.root ?? emptyRoot())) return refuse(409, 'a checkpoint of this size with another root was cosigned');
  const grows = old === 0 || old === size ? proof.length === 0 : verifyConsistency(old, size, last?.root ?? emptyRoot(), root, proof);
  if (!grows) return refuse(422, 'the proof does not show that the log continues the checkpoint that was cosigned');
  const signature = await keepCosigned(witness, { checkpoint, note: { ...note, signatures } }, time);
  return { status: 200, type: 'text/plain; charset=utf-8', body: signatureLine(signature) };
}

/** The note with what a witness answered, when that is a cosignature of it; null otherwise. */
export function withCosignature(note: string, answer: string, witness: VerifierKey): string | null {
  const parsed = parseCheckpoint(Buffer.from(note + answer), true);
  return parsed !== null && verifyNote(parsed.note, witness) !== false ? formatNote(parsed.note) : null;
}

function refuse(status: WitnessAnswer['status'], why: string): WitnessAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${why}\n` };
}

/** A note's line, without the note. */
const signatureLine = (signature: NoteSignature): string => formatNote({ text: '', signatures: [signature] }).slice(1);
