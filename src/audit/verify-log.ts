/**
 * Verifies one log from its files and public keys alone: signature, every entry, every tile, the root, order and time, the tail, and that it
 * continues checkpoints that others kept. Reports everything that is wrong and stops at nothing that can be gone on from. All input is untrusted.
 */
import type { X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { completeRoot, HASH_BYTES, leafHash } from '../base/merkle-hash.js';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import { RightEdge } from '../base/right-edge.js';
import { GwError } from '../contract/gw-error.js';
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { type Checkpoint, isSigned, parseCheckpoint } from './checkpoint.js';
import { DRAFT_SUFFIX } from './durable-file.js';
import { LogFiles } from './log-files.js';
import type { Claim, LogProblem } from './log-problem.js';
import { parseVerifierKey } from './note-key.js';
import { readPending } from './pending-leaves.js';
import type { Note } from './signed-note.js';
import { levelWidth, newTiles, TILE_WIDTH, tilePath } from './tile-layout.js';
import { checkTimestamps, ToldTimestamps } from './timestamp/check-timestamps.js';

export interface VerifyOptions {
  /** Public keys that count, 32 bytes each. */
  readonly keys: readonly Buffer[];
  /** Keys that counted once: of checkpoints that were timestamped. Left out: `keys`. */
  readonly earlier?: readonly Buffer[];
  /** Which key replaced which, by hex (`key-rotation`). */
  readonly successors?: ReadonlyMap<string, string>;
  /** Checkpoints that somebody kept, of any log. */
  readonly known: readonly Checkpoint[];
  /** Certificates of timestamp authorities that are trusted; none: nobody vouches for who signed timestamps. */
  readonly authorities?: readonly X509Certificate[];
  /** The time at which the files were what they are, milliseconds since the epoch. */
  readonly at: number;
  /** Called for every entry that can be read, in order. */
  readonly onLeaf: (log: string, leaf: AuditLeaf) => void;
}

export interface LogReport {
  readonly log: string;
  readonly size: number;
  /** Hex; of a log without a readable checkpoint empty. */
  readonly root: string;
  /** Entries that are committed and under no checkpoint yet. */
  readonly pending: number;
  /** Timestamps that hold. */
  readonly timestamps: number;
  readonly problems: readonly LogProblem[];
  readonly checkpoint: Checkpoint | null;
}

export async function verifyLog(directory: string, options: VerifyOptions): Promise<LogReport> {
  const files = new LogFiles(directory);
  const problems: LogProblem[] = [];
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  const log = parsed?.checkpoint.origin ?? basename(directory);
  const report = (claim: Claim, index: number | null, message: string): void => void problems.push({ claim, log, index, message });
  if (parsed === null) {
    report('signature', null, bytes === null ? 'the log has no checkpoint' : 'the checkpoint is no checkpoint');
    return { log, size: 0, root: '', pending: 0, timestamps: 0, problems, checkpoint: null };
  }
  const { checkpoint, note } = parsed;
  checkSignatures(checkpoint, note, options, report);
  const size = await creditableSize(files, checkpoint.size, report);
  if (size < checkpoint.size) return { log, size: checkpoint.size, root: checkpoint.root.toString('hex'), pending: 0, timestamps: 0, problems, checkpoint };
  const told = new ToldTimestamps();
  const sight: Sight = { last: null, signers: [], signersAt: 0, due: 0, told, take: (leaf) => options.onLeaf(log, leaf) };
  await checkEntries(files, checkpoint, sight, report);
  checkSigners(checkpoint, note, sight, options, report);
  await checkTiles(files, checkpoint, report);
  await checkNames(directory, checkpoint.size, report);
  for (const known of options.known) if (known.origin === checkpoint.origin) await checkContinuation(files, checkpoint, known, report);
  const timestamps = await checkTimestamps(files, checkpoint, told, {
    roots: options.authorities ?? [],
    isOfLog: (stamped, signed) => isOfLog(files, checkpoint, stamped, signed, options),
    report: (index, message) => report('timestamp', index, message),
  });
  const pending = await checkPending(directory, checkpoint.size, sight, report);
  checkTail(sight, pending, options.at, report);
  return { log, size: checkpoint.size, root: checkpoint.root.toString('hex'), pending, timestamps, problems, checkpoint };
}

/** What was seen of the log so far. */
interface Sight {
  last: AuditLeaf | null;
  /** Verifier keys of those who sign, by the newest entry that names them; and that entry. */
  signers: readonly unknown[];
  signersAt: number;
  /** When the log has to say again that it lives, milliseconds since the epoch. */
  due: number;
  readonly told: ToldTimestamps;
  readonly take: (leaf: AuditLeaf) => void;
}

function see(sight: Sight, leaf: AuditLeaf): void {
  sight.last = leaf;
  sight.told.take(leaf);
  const { keys } = leaf.data;
  if ((leaf.kind === 'log.open' || leaf.kind === 'log.keys') && Array.isArray(keys)) {
    sight.signers = keys;
    sight.signersAt = leaf.n;
  }
  const due = leaf.data['due'];
  if (typeof due === 'string') sight.due = Date.parse(due) || 0;
  sight.take(leaf);
}

export type Report = (claim: Claim, index: number | null, message: string) => void;

function checkSignatures({ origin }: Checkpoint, note: Note, { keys }: VerifyOptions, report: Report): void {
  if (!isSigned(note, origin, keys)) report('signature', null, 'the checkpoint is not signed by any of the keys given');
}

/** A key that was replaced signs nothing any more: a signature counts when its key is one that the newest entries name, or one that replaced it. */
function checkSigners({ origin }: Checkpoint, note: Note, { signers, signersAt }: Sight, { keys, successors }: VerifyOptions, report: Report): void {
  if (signers.length === 0 || !isSigned(note, origin, keys)) return;
  const named = new Set<string>();
  for (const text of signers) {
    for (let key = typeof text === 'string' ? keyOf(text) : undefined; key !== undefined && !named.has(key); key = successors?.get(key)) named.add(key);
  }
  const counting = keys.filter((key) => named.has(key.toString('hex')));
  if (!isSigned(note, origin, counting)) report('signature', signersAt, 'the checkpoint is signed by a key that was replaced, or that the log does not name');
}

function keyOf(text: string): string | undefined {
  try {
    return parseVerifierKey(text).key.toString('hex');
  } catch (thrown) {
    if (thrown instanceof GwError) return undefined;
    throw thrown;
  }
}

/** A forged size must not make the verifier look for a quadrillion tiles: the last bundle is looked for first. */
async function creditableSize(files: LogFiles, size: number, report: Report): Promise<number> {
  if (size === 0) return 0;
  const index = Math.floor((size - 1) / TILE_WIDTH);
  const there = [size - index * TILE_WIDTH, TILE_WIDTH].map((width) => files.read(tilePath({ level: 'entries', index, width })));
  if ((await Promise.all(there)).some((bytes) => bytes !== null)) return size;
  report('entry', size - 1, `the last entries of the checkpoint, from ${index * TILE_WIDTH} on, are missing`);
  return 0;
}

/** Entries against the hashes in tiles of level 0, and their root against the checkpoint. */
async function checkEntries(files: LogFiles, { size, root }: Checkpoint, sight: Sight, report: Report): Promise<void> {
  const edge = new RightEdge();
  let readable = true;
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const leaves = await files.bundle(index, size);
    const hashes = await files.hashes({ level: 0, index, width });
    if (leaves === null) {
      readable = false;
      report('entry', index * TILE_WIDTH, `the bundle of entries ${index * TILE_WIDTH} to ${index * TILE_WIDTH + width - 1} is missing or damaged`);
      continue;
    }
    for (const [at, bytes] of leaves.entries()) {
      const n = index * TILE_WIDTH + at;
      const hash = leafHash(bytes);
      edge.add(hash);
      if (hashes !== null && hashes[at]?.equals(hash) !== true) report('entry', n, 'the entry is not the one that the tree holds');
      checkLeaf(bytes, n, sight, report);
    }
  }
  if (readable && !edge.root().equals(root)) report('checkpoint', null, 'the root over the entries is not the one that was signed');
}

function checkLeaf(bytes: Buffer, n: number, sight: Sight, report: Report): void {
  const leaf = decodeLeaf(bytes);
  if (leaf === null) {
    report('entry', n, 'the entry is not in the form of an entry');
    return;
  }
  if (leaf.n !== n) report('order', n, `the entry says that its place is ${leaf.n}`);
  if (sight.last !== null && leaf.time < sight.last.time) report('order', n, `its time ${leaf.time} is before that of the entry before it`);
  see(sight, leaf);
}

/** Tiles above level 0 against the tiles below them; all must be there in exactly their size. */
async function checkTiles(files: LogFiles, { size }: Checkpoint, report: Report): Promise<void> {
  for (const tile of newTiles(0, size)) {
    if (tile.level === 'entries') continue;
    const path = tilePath(tile);
    const hashes = await files.hashes(tile);
    const bytes = await files.read(path);
    if (hashes === null || (bytes !== null && bytes.length !== tile.width * HASH_BYTES)) {
      report('tile', null, `the tile ${path} is missing or has another size`);
      continue;
    }
    if (tile.level === 0) continue;
    for (const [at, hash] of hashes.entries()) {
      const below = await files.hashes({ level: tile.level - 1, index: tile.index * TILE_WIDTH + at, width: TILE_WIDTH });
      if (below === null || !completeRoot(below).equals(hash)) report('tile', null, `hash ${at} of the tile ${path} is not that of the tile below it`);
    }
  }
}

/** Everything below `tile` belongs to the tree, or was being written when its process died. */
async function checkNames(directory: string, size: number, report: Report): Promise<void> {
  const expected = new Set(newTiles(0, size).map(tilePath));
  const entries = await readdir(join(directory, 'tile'), { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (expected.has(path) || path.endsWith(DRAFT_SUFFIX) || isBeyond(path, size)) continue;
    report('tile', null, `the file ${path} is not part of the log`);
  }
}

const TILE_PATH = /^tile\/(entries|\d+)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/;

/** A tile that a checkpoint needs which was not written any more, or that one before it needed: its process died between the two. */
function isBeyond(path: string, size: number): boolean {
  const [, level, groups, partial] = TILE_PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined) return false;
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const there = levelWidth(level === 'entries' ? 0 : Number(level), size);
  return partial === undefined ? (index + 1) * TILE_WIDTH > there : width > 0 && index * TILE_WIDTH + TILE_WIDTH > there - TILE_WIDTH;
}

/** That the log goes on from a checkpoint of it that was seen elsewhere. */
export async function checkContinuation(files: LogFiles, now: Checkpoint, known: Checkpoint, report: Report): Promise<void> {
  if (known.size === 0) return;
  if (now.size < known.size) {
    report('fork', null, `the log had ${known.size} entries once, and has ${now.size} now`);
    return;
  }
  // A tile that cannot be read is reported as such; whether the log continues the checkpoint nobody can say then, which is no.
  const proof = await consistencyProof(known.size, now.size, files.subtrees(now.size)).catch(unreadable);
  if (proof !== null && verifyConsistency(known.size, now.size, known.root, now.root, proof)) return;
  report('fork', null, `its first ${known.size} entries are not those that were seen once`);
}

/** A checkpoint that was timestamped: signed, and continued by the log. */
async function isOfLog(files: LogFiles, now: Checkpoint, stamped: Checkpoint, note: Note, { keys, earlier = keys }: VerifyOptions): Promise<boolean> {
  if (stamped.origin !== now.origin || !isSigned(note, stamped.origin, earlier)) return false;
  let continues = true;
  await checkContinuation(files, now, stamped, () => {
    continues = false;
  });
  return continues;
}

function unreadable(thrown: unknown): null {
  if (thrown instanceof GwError && thrown.code === 'audit.invalid') return null;
  throw thrown;
}

/** Entries without a checkpoint: they follow on, or something was changed. A torn last record is what a crash leaves. */
async function checkPending(directory: string, size: number, sight: Sight, report: Report): Promise<number> {
  const { leaves, unreadableBytes } = await readPending(directory, size);
  for (const [at, bytes] of leaves.entries()) checkLeaf(bytes, size + at, sight, report);
  if (unreadableBytes > 0) report('tail', size + leaves.length, `${unreadableBytes} bytes of entries that were not signed yet cannot be read`);
  return leaves.length;
}

function checkTail({ last, due }: Sight, pending: number, at: number, report: Report): void {
  if (last === null) report('tail', null, 'the log has no entries');
  else if (last.kind !== 'log.close') {
    if (at > due) report('tail', last.n, `the log has no end, and nothing after ${last.time}, although it had to say that it lives`);
  } else if (pending > 0) report('tail', last.n, 'the log was closed, and its last entries are not signed');
}
