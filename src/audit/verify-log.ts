/**
 * Verifies one log from its files and public keys alone: signature, every entry, every tile, the root, order and time, the tail, and that it
 * continues checkpoints that others kept. Reports everything that is wrong and stops at nothing that can be gone on from. All input is untrusted.
 */
import type { X509Certificate } from 'node:crypto';
import { basename } from 'node:path';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type AuditLeaf, encodeLeaf } from './audit-leaf.js';
import { checkEntries, Order, type Report } from './check-entries.js';
import { checkTileNames } from './check-tile-names.js';
import { type Checkpoint, isSigned, parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';
import type { LogProblem } from './log-problem.js';
import { parseVerifierKey } from './note-key.js';
import { type FoundLeaves, readPending } from './pending-leaves.js';
import { BEGINNINGS, type Pruning } from './pruning.js';
import { READ_ATTEMPTS } from './read-steadily.js';
import type { Note } from './signed-note.js';
import { TILE_WIDTH } from './tile-layout.js';
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
  /** Called for every entry that is kept and can be read, in order. */
  readonly onLeaf: (log: string, leaf: AuditLeaf) => void;
}

export interface LogReport {
  readonly log: string;
  readonly size: number;
  /** Index of the first entry that is kept; 0 in a log that was not pruned. */
  readonly first: number;
  /** Hex; of a log without a readable checkpoint empty. */
  readonly root: string;
  /** Entries that are committed and under no checkpoint yet. */
  readonly pending: number;
  /** Timestamps that hold. */
  readonly timestamps: number;
  readonly problems: readonly LogProblem[];
  readonly checkpoint: Checkpoint | null;
}

/** Largest file of entries without a checkpoint: a log that has so many in a second is none. */
const PENDING_BYTES = 256 << 20;

/** Problems listed for one log; more are not worth reading. */
const PROBLEMS = 10_000;

export async function verifyLog(directory: string, options: VerifyOptions): Promise<LogReport> {
  const files = new LogFiles(directory);
  const problems: LogProblem[] = [];
  const { bytes, parsed, unsigned } = await readHead(files);
  const log = parsed?.checkpoint.origin ?? basename(directory);
  const report: Report = (claim, index, message) => {
    if (problems.length < PROBLEMS) problems.push({ claim, log, index, message });
  };
  if (parsed === null) {
    report('signature', null, bytes === null ? 'the log has no checkpoint' : 'the checkpoint is no checkpoint');
    return { log, size: 0, first: 0, root: '', pending: 0, timestamps: 0, problems, checkpoint: null };
  }
  const { checkpoint, note } = parsed;
  checkSignatures(checkpoint, note, options, report);
  const pruning = await signedPruning(files, checkpoint, report);
  const first = pruning?.first ?? 0;
  const said = { log, size: checkpoint.size, first, root: checkpoint.root.toString('hex'), problems, checkpoint };
  const unread: LogReport = { ...said, pending: 0, timestamps: 0 };
  if (!(await hasItsEnd(files, checkpoint.size, report))) return unread;
  const told = new ToldTimestamps();
  const announced = new Announced(pruning, report);
  const sight: Sight = { last: null, signers: [], signersAt: 0, due: 0, told, take: (leaf) => options.onLeaf(log, leaf) };
  const take = (leaf: AuditLeaf): void => {
    announced.take(leaf);
    see(sight, leaf);
  };
  if (!(await checkEntries(files, checkpoint, { first, take }, report))) return unread;
  announced.finish();
  checkSigners(checkpoint, note, sight, options, report);
  await checkTileNames(directory, checkpoint.size, report);
  for (const known of options.known) if (known.origin === checkpoint.origin) await checkContinuation(files, checkpoint, known, report, first);
  const timestamps = await checkTimestamps(files, checkpoint, told, {
    first,
    roots: options.authorities ?? [],
    isOfLog: (stamped, signed) => isOfLog(files, checkpoint, stamped, signed, options),
    report: (index, message) => report('timestamp', index, message),
  });
  const pending = checkPending(unsigned, checkpoint.size, sight, report);
  checkTail(sight, pending, options.at, report);
  return { ...said, pending, timestamps };
}

interface Head {
  readonly bytes: Buffer | null;
  /** Null: there is no checkpoint, or it is none. */
  readonly parsed: ReturnType<typeof parseCheckpoint>;
  /** Entries that follow on it. */
  readonly unsigned: FoundLeaves;
}

/** The checkpoint and the entries without one, of one moment: a log that is written meanwhile drops those that come under its next checkpoint. */
async function readHead(files: LogFiles): Promise<Head> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await files.checkpoint();
    const parsed = bytes === null ? null : parseCheckpoint(bytes);
    if (parsed === null) return { bytes, parsed, unsigned: { leaves: [], unreadableBytes: 0 } };
    const unsigned = await readPending(files.directory, parsed.checkpoint.size, PENDING_BYTES);
    const moved = (await files.checkpoint())?.equals(bytes ?? Buffer.alloc(0)) !== true;
    if (!moved || attempt === READ_ATTEMPTS) return { bytes, parsed, unsigned };
  }
}

/** What the file `pruned` says, when it is of an entry that the checkpoint covers; the entry itself is compared when it comes. */
async function signedPruning(files: LogFiles, { size }: Checkpoint, report: Report): Promise<Pruning | null> {
  const pruning = await files.pruning();
  if (pruning === null || pruning.leaf.n < size) return pruning;
  report('retention', pruning.leaf.n, 'the log is said to be pruned by an entry that is under no checkpoint');
  return null;
}

/** That the log itself says what it has given up, and was cut where a process began. */
class Announced {
  readonly #pruning: Pruning | null;
  readonly #report: Report;
  #said = false;

  constructor(pruning: Pruning | null, report: Report) {
    this.#pruning = pruning;
    this.#report = report;
  }

  take(leaf: AuditLeaf): void {
    const pruning = this.#pruning;
    if (pruning === null) return;
    if (leaf.n === pruning.first && !BEGINNINGS.has(leaf.kind))
      this.#report('retention', leaf.n, `the entries before this one were pruned, and it is not the beginning of a process (${leaf.kind})`);
    if (leaf.n === pruning.leaf.n) this.#said = encodeLeaf(leaf).equals(pruning.bytes);
  }

  finish(): void {
    const pruning = this.#pruning;
    if (pruning !== null && !this.#said)
      this.#report('retention', pruning.leaf.n, `the entries before ${pruning.first} are said to be pruned, and the log does not say so here`);
  }
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
async function hasItsEnd(files: LogFiles, size: number, report: Report): Promise<boolean> {
  if (size === 0) return true;
  const index = Math.floor((size - 1) / TILE_WIDTH);
  if ((await files.bundle(index, size)) !== null) return true;
  report('entry', size - 1, `the last entries of the checkpoint, from ${index * TILE_WIDTH} on, are missing or damaged`);
  return false;
}

/**
 * That the log goes on from a checkpoint of it that was seen elsewhere.
 * @param first of the entries that are kept: of a checkpoint before it nothing can be shown any more, which is no
 */
export async function checkContinuation(files: LogFiles, now: Checkpoint, known: Checkpoint, report: Report, first = 0): Promise<void> {
  if (known.size === 0) return;
  if (now.size < known.size) {
    report('fork', null, `the log had ${known.size} entries once, and has ${now.size} now`);
    return;
  }
  if (known.size < first) {
    report('fork', null, `the log was pruned up to entry ${first}: nothing shows any more that its first ${known.size} entries are those that were seen once`);
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
function checkPending({ leaves, unreadableBytes }: FoundLeaves, size: number, sight: Sight, report: Report): number {
  const order = new Order(report, (leaf) => see(sight, leaf), sight.last?.time);
  for (const [at, bytes] of leaves.entries()) order.look(bytes, size + at);
  if (unreadableBytes > 0) report('tail', size + leaves.length, `${unreadableBytes} bytes of entries that were not signed yet cannot be read`);
  return leaves.length;
}

function checkTail({ last, due }: Sight, pending: number, at: number, report: Report): void {
  if (last === null) report('tail', null, 'the log has no entries');
  else if (last.kind !== 'log.close') {
    if (at > due) report('tail', last.n, `the log has no end, and nothing after ${last.time}, although it had to say that it lives`);
  } else if (pending > 0) report('tail', last.n, 'the log was closed, and its last entries are not signed');
}
