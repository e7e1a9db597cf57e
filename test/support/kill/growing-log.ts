/**
 * Follows the audit log of a gateway while it grows, so that a look costs what is new and not what there is: each checkpoint is signed and continues the
 * one before, every new entry is under it, and the journals that were written meanwhile are those that the entries tell of. What was looked at before is
 * held by the consistency proof; `verifyAudit` reads everything again.
 */
import { basename, join } from 'node:path';
import type { AuditLeaf } from '../../../src/audit/audit-leaf.js';
import { Order, type Report } from '../../../src/audit/check-entries.js';
import {
  type Checkpoint,
  checkContinuation,
  isSigned,
  LogFiles,
  parseCheckpoint,
  publicKeyBytes,
  readSigningKey,
  readSteadily,
  TILE_WIDTH,
} from '../../../src/audit/index.js';
import { readPending } from '../../../src/audit/pending-leaves.js';
import { RetentionBook } from '../../../src/audit/retention-book.js';
import { SessionBook } from '../../../src/audit/session-book.js';
import { levelWidth } from '../../../src/audit/tile-layout.js';
import { leafHash } from '../../../src/base/merkle-hash.js';
import { inclusionProof, verifyInclusion } from '../../../src/base/merkle-proof.js';
import { readIfThere } from '../../../src/base/read-if-there.js';
import { GwError } from '../../../src/contract/gw-error.js';
import { compareJournals } from '../../../src/gateway/compare-journals.js';
import { listLogs, logDirectory } from '../../../src/gateway/open-audit-trail.js';
import { verifyWorker } from '../../../src/recording/verify-journal.js';
import { eventually } from '../../store/state-server.js';

/** Ends what hangs. */
const PATIENCE_MS = 120_000;

/** How far a log was followed. */
interface Followed {
  readonly checkpoint: Checkpoint;
  /** Of its last entry. */
  readonly time: string;
}

interface Growth extends Followed {
  readonly place: string;
  readonly leaves: readonly AuditLeaf[];
  readonly problems: readonly string[];
}

export class GrowingLog {
  readonly #dataDir: string;
  readonly #book = new SessionBook();
  readonly #retention = new RetentionBook();
  #followed: ReadonlyMap<string, Followed> = new Map();
  /** As it was before `grow` moved it last. */
  #before: ReadonlyMap<string, Followed> = new Map();
  /** Where each log ended when `journals` looked last. */
  #compared = new Map<string, number>();
  /** Looks that found nothing wrong. */
  looks = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Takes over what is new, and says what is wrong with it. Whoever writes the log may be killed meanwhile. */
  async grow(): Promise<string[]> {
    const { problems, grown } = await look(this.#dataDir, this.#followed);
    if (problems.length > 0) return problems;
    this.#before = this.#followed;
    this.#followed = new Map(grown.map(({ place, checkpoint, time }) => [place, { checkpoint, time }]));
    for (const { checkpoint, leaves } of grown) {
      for (const leaf of leaves) {
        this.#book.take(checkpoint.origin, leaf);
        this.#retention.take(checkpoint.origin, leaf);
      }
    }
    this.looks++;
    return [];
  }

  /** What the last `grow` would have said of another directory, a damaged copy for instance. */
  async problemsOf(dataDir: string): Promise<string[]> {
    return (await look(dataDir, this.#before)).problems;
  }

  /**
   * Once the gateway is quiet and has recovered what others left: all entries are signed, and what they tell of sessions and of the journals given is so.
   * @param journals those that were written since the last call, live ones too
   */
  async journals(journals: readonly string[]): Promise<string[]> {
    await eventually('every entry of the audit log is signed', async () => (await this.#pending()) === 0, PATIENCE_MS);
    const workers = [];
    for (const journal of journals) workers.push(await verifyWorker(join(this.#dataDir, 'journal'), journal));
    const problems = await this.grow();
    if (problems.length > 0) return problems;
    this.#book.finish();
    const report = { logs: [], rootOverLogs: null, book: this.#book, retention: this.#retention, problems: [] };
    // Segments that were told of before the last look were compared then, and their journals are not read again.
    const told = compareJournals(report, workers).filter(({ log, index }) => index === null || index >= (this.#compared.get(log) ?? 0));
    this.#compared = new Map([...this.#followed.values()].map(({ checkpoint }) => [checkpoint.origin, checkpoint.size]));
    return [...told, ...this.#book.problems, ...this.#retention.problems()].map(
      ({ claim, log, index, message }) => `${claim}: ${log} ${index ?? ''}: ${message}`,
    );
  }

  async #pending(): Promise<number> {
    let pending = 0;
    for (const directory of await listLogs(logDirectory(this.#dataDir))) {
      const size = await new LogFiles(directory).size();
      pending += (await readPending(directory, size)).leaves.length;
    }
    return pending;
  }
}

/** All logs since they were followed to `followed`. */
async function look(dataDir: string, followed: ReadonlyMap<string, Followed>): Promise<{ readonly problems: string[]; readonly grown: readonly Growth[] }> {
  const key = publicKeyBytes(readSigningKey(((await readIfThere(join(dataDir, 'audit-key'))) ?? '').trim(), 'The key beside the log'));
  const grown: Growth[] = [];
  const problems: string[] = [];
  for (const directory of await listLogs(logDirectory(dataDir))) {
    const read = (): Promise<Growth | string> => grownSince(directory, followed.get(basename(directory)) ?? null, key);
    const found = await readSteadily(directory, read, (growth) => typeof growth !== 'string' && growth.problems.length === 0);
    // A log that a process has only just begun has no checkpoint yet.
    if (typeof found !== 'string') grown.push(found);
    else if (followed.has(basename(directory))) problems.push(found);
  }
  const places = new Set(grown.map(({ place }) => place));
  for (const place of followed.keys()) if (!places.has(place)) problems.push(`log ${place} was there before, and cannot be read`);
  return { problems: [...problems, ...grown.flatMap((each) => each.problems)], grown };
}

/** A log's checkpoint and entries since `before`, or why it has none. */
async function grownSince(directory: string, before: Followed | null, key: Buffer): Promise<Growth | string> {
  const files = new LogFiles(directory);
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  if (parsed === null) return `the log ${basename(directory)} has no checkpoint`;
  const { checkpoint, note } = parsed;
  const { origin, size } = checkpoint;
  const problems: string[] = [];
  const report: Report = (claim, index, message) => void problems.push(`${claim}: ${origin} ${index ?? ''}: ${message}`);
  if (!isSigned(note, origin, [key])) report('signature', null, 'the checkpoint is not signed');
  if (before !== null && before.checkpoint.origin !== origin) report('log', null, `it was ${before.checkpoint.origin} before`);
  if (before !== null) await checkContinuation(files, checkpoint, before.checkpoint, report);
  const leaves: AuditLeaf[] = [];
  const order = new Order(report, (leaf) => void leaves.push(leaf), before?.time);
  for (let index = before?.checkpoint.size ?? 0; index < size; index = (Math.floor(index / TILE_WIDTH) + 1) * TILE_WIDTH)
    for (const [at, leaf] of (await includedFrom(files, checkpoint, index, report)).entries()) order.look(leaf, index + at);
  return { place: basename(directory), checkpoint, time: leaves.at(-1)?.time ?? before?.time ?? '', leaves, problems };
}

/** The entries from `index` to the end of their bundle: each is the one in the tile, and the tile is under the checkpoint. */
async function includedFrom(files: LogFiles, { size, root }: Checkpoint, index: number, report: Report): Promise<Buffer[]> {
  const bundle = Math.floor(index / TILE_WIDTH);
  const place = index % TILE_WIDTH;
  const width = Math.min(TILE_WIDTH, levelWidth(0, size) - bundle * TILE_WIDTH);
  const leaves = await files.bundle(bundle, size);
  const hashes = await files.hashes({ level: 0, index: bundle, width });
  if (leaves === null || hashes === null) {
    report('entry', index, 'entries are missing or damaged');
    return [];
  }
  for (const [at, leaf] of leaves.entries())
    if (hashes[at]?.equals(leafHash(leaf)) !== true) report('entry', bundle * TILE_WIDTH + at, 'not the one in the tree');
  // Its siblings are made from all other hashes of the tile: one proof shows the whole tile.
  const proof = await inclusionProof(index, size, files.subtrees(size)).catch(unreadable);
  if (proof === null || !verifyInclusion(index, size, hashes[place] ?? Buffer.alloc(0), proof, root))
    report('checkpoint', index, 'nothing shows that the tile is under the root that was signed');
  return leaves.slice(place);
}

function unreadable(thrown: unknown): null {
  if (thrown instanceof GwError && thrown.code === 'audit.invalid') return null;
  throw thrown;
}
