/**
 * Makes an evidence pack out of the logs and journals of a gateway: finds what the period needs, writes that first, derives everything that people read,
 * and signs the manifest last. What lies on disk is untrusted: a log that its keys did not sign, or whose tiles do not fit, is not signed again here.
 */
import type { KeyObject } from 'node:crypto';
import { followRotations, isSigned, KEY_TYPE, parseCheckpoint, publicKeyBytes, signCheckpoint, verifierKey } from '../audit/index.js';
import { errorCode } from '../base/error-code.js';
import { leafHash } from '../base/merkle-hash.js';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import type { EvidenceExport, EvidenceScope } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import { type EntryOpener, type JournalKeys, MerkleTree, readStoredSegment, storedLeaf } from '../recording/index.js';
import { type ClosedPeriod, closedPeriod, type NeededSegment, requireKept } from './closed-period.js';
import { derivePack, type EvidenceSource, type PackTools, type SourceEntry, type SourceItem, type SourceLog } from './derive-pack.js';
import { type Disclosure, GRACE_MS } from './disclosure.js';
import { encodeDisclosed, encodeWithheld, SLICE_MAGIC, slicePath } from './journal-slice.js';
import { signStatement, statementText } from './manifest.js';
import { ENVELOPE, instant, KEYS, MANIFEST, type PackScope, rotationPath, SESSION_KEYS } from './pack-scope.js';
import { type PackSink, PackWriter } from './pack-writer.js';
import { policyPath } from './sections/change-sections.js';
import type { PackPolicy } from './sections/section-maker.js';
import { GrowingLogFiles, SlicedLog } from './sliced-log.js';

export interface ExportRequest {
  /** Directories of the logs. */
  readonly logs: readonly string[];
  readonly journalDir: string;
  /** Open what is encrypted. */
  readonly journalKeys: JournalKeys;
  /** Statements by which signing keys were replaced, in order. */
  readonly rotations: readonly Buffer[];
  /** Those of the audit log: they sign the checkpoints and the manifest. */
  readonly keys: readonly KeyObject[];
  /** The text of a policy that was in force; null: it is not to be had here. */
  policy(digest: string): Promise<PackPolicy | null>;
  /** `to` null: as late as possible; `from` null, for one session: from its begin to its end. */
  readonly scope: EvidenceScope & Pick<PackScope, 'version'>;
}

interface OpenLog {
  readonly files: GrowingLogFiles;
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** @throws GwError `evidence.open` | `evidence.busy` for a segment that is deleted meanwhile | `audit.invalid` | `recording.failed` | `audit.unknown` for a session that the period does not have */
export async function exportPack(request: ExportRequest, tools: PackTools, sink: PackSink): Promise<EvidenceExport> {
  const { keys, journalDir } = request;
  const open: OpenLog[] = [];
  for (const directory of request.logs) {
    const log = await openLog(directory, request);
    if (log !== null) open.push(log);
  }
  const [home] = open;
  if (home === undefined) throw new GwError('usage.invalid', 'There is no audit log here.', { hint: 'Name the data directory of the gateway.' });
  tools.progress('reading the logs', 0);
  const whole = await Promise.all(
    open.map(async ({ files, origin, size }) => {
      return new SlicedLog(files, size, origin, { first: await files.first(), size });
    }),
  );
  const wanted = await periodOf(whole, request.scope);
  await requireKept(whole, wanted.from);
  const period = await closedPeriod(whole, journalDir, wanted.from, wanted.to);
  const scope: PackScope = { ...request.scope, gateway: home.origin.slice(0, home.origin.lastIndexOf('/')), from: period.from, to: period.to };
  const writer = new PackWriter(sink);
  const logs: SourceLog[] = [];
  for (const log of open) {
    const source = await sliceLog(log, period, keys);
    if (source === null) continue;
    await source.log.write(writer, source.checkpoint);
    logs.push(source);
  }
  writer.put(KEYS, logs.flatMap(({ log: { origin } }) => keys.map((key) => `${verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key))}\n`)).join(''));
  for (const [at, statement] of request.rotations.entries()) writer.put(rotationPath(at + 1), statement);
  const policies = await policiesOf(logs, scope, request, writer);
  const source: EvidenceSource = { logs, policies, segments: (disclosure) => sliceSegments(request, period.segments, disclosure, writer, tools) };
  const derived = await derivePack(source, scope, tools, writer);
  if (scope.session !== null && derived.sections.every(({ id, rows }) => id !== 'E09' || rows === 0))
    throw new GwError('audit.unknown', `The period has no session ${scope.session}.`, {
      hint: 'Give --from and --to around it; `gw sessions show` says when it was.',
    });
  const { files } = writer;
  const statement = statementText(
    scope,
    derived.logs.map(({ origin, first, size, root }) => ({ origin, first, size, root })),
    files,
  );
  writer.put(MANIFEST, statement);
  writer.put(ENVELOPE, signStatement(statement, keys));
  await writer.settle();
  tools.progress('done', 1);
  return {
    gateway: scope.gateway,
    from: instant(scope.from),
    to: instant(scope.to),
    session: scope.session,
    files: writer.files.length,
    bytes: writer.files.reduce((sum, { bytes }) => sum + bytes, 0),
    sections: derived.sections.map(({ id, rows, state }) => ({ section: id, rows, state })),
    failed: derived.sections.flatMap(({ checks }) => checks.flatMap(({ id, claim, passed, detail }) => (passed === false ? [{ id, claim, detail }] : []))),
  };
}

/** @throws GwError `audit.unknown` when the log does not have the session */
async function periodOf(
  logs: readonly SlicedLog[],
  { from, to, session }: ExportRequest['scope'],
): Promise<{ readonly from: number; readonly to: number | null }> {
  if (from !== null) return { from, to };
  let begun: number | null = null;
  let ended: number | null = null;
  let recording: unknown = null;
  const judged = new Map<unknown, number>();
  for (const log of logs) {
    for await (const { leaf } of log.leaves()) {
      if (leaf.kind === 'client_recording.judge') judged.set(leaf.data['recording'], Date.parse(leaf.time));
      if (leaf.data['session'] !== session) continue;
      if (leaf.kind === 'session.start') [begun, recording] = [Date.parse(leaf.time), leaf.data['recording']];
      else if (leaf.kind === 'session.end' || leaf.kind === 'session.recovered') ended ??= Date.parse(leaf.time);
    }
  }
  if (begun === null) {
    const pruned = logs.some(({ kept }) => kept > 0) ? { hint: 'Its entries may have been pruned; a pack that was made before that still verifies.' } : {};
    throw new GwError('audit.unknown', `The audit log has no session ${session ?? ''}.`, pruned);
  }
  // What its client recorded is uploaded when it is over. The frame of the last entry in the journal may be a moment younger than the entry in the log.
  return { from: begun, to: to ?? (ended === null ? null : Math.max(ended, judged.get(recording) ?? 0) + GRACE_MS) };
}

async function openLog(directory: string, { keys, rotations }: ExportRequest): Promise<OpenLog | null> {
  const files = new GrowingLogFiles(directory);
  const bytes = await files.checkpoint();
  // A log that was never signed yet has nothing to show.
  if (bytes === null) return null;
  const parsed = parseCheckpoint(bytes);
  if (parsed === null) throw damaged(directory, 'its checkpoint is none');
  const { origin, size, root } = parsed.checkpoint;
  if (size === 0) return null;
  // A log takes a new key with its next checkpoint.
  const { earlier } = followRotations(origin.slice(0, origin.lastIndexOf('/')), rotations, keys.map(publicKeyBytes));
  if (!isSigned(parsed.note, origin, earlier)) throw damaged(directory, 'its checkpoint is not signed by the keys of this gateway');
  return { files, origin, size, root };
}

/** The beginning of the log that the period needs; its checkpoint is signed only when the signed log of today goes on from it. */
async function sliceLog({ files, origin, size, root }: OpenLog, { bounds }: ClosedPeriod, keys: readonly KeyObject[]): Promise<SourceLog | null> {
  const slice = bounds.get(origin);
  if (slice === undefined) return null;
  const log = new SlicedLog(files, size, origin, slice);
  const begin = await log.root();
  const proof = await consistencyProof(slice.size, size, files.subtrees(size));
  if (!verifyConsistency(slice.size, size, begin, root, proof)) throw damaged(origin, 'its tiles do not give the root that was signed');
  const [problem] = await log.problems(begin);
  if (problem !== undefined) throw damaged(origin, problem);
  for await (const { index, bytes } of log.leaves()) {
    if (!(await log.hashAt(index)).equals(leafHash(bytes))) throw damaged(origin, `entry ${index} is not the one that the tree holds`);
  }
  return { log, root: begin, checkpoint: signCheckpoint({ origin, size: slice.size, root: begin }, keys) };
}

/** The texts of all policies that decided in the period. */
async function policiesOf(logs: readonly SourceLog[], scope: PackScope, request: ExportRequest, writer: PackWriter): Promise<PackPolicy[]> {
  const digests = new Set<string>();
  for (const { log } of logs) {
    for await (const { leaf } of log.leaves()) {
      if (Date.parse(leaf.time) >= scope.to) continue;
      for (const name of ['policy', 'before', 'after']) {
        const digest = leaf.data[name];
        if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) digests.add(digest);
      }
    }
  }
  const policies: PackPolicy[] = [];
  for (const digest of [...digests].sort()) {
    const policy = await request.policy(digest);
    if (policy === null) continue;
    policies.push(policy);
    writer.put(policyPath(digest), policy.canonical);
  }
  return policies;
}

const BATCH_BYTES = 256 * 1024;

async function* sliceSegments(
  { journalDir, journalKeys }: ExportRequest,

  segments: readonly NeededSegment[],
  disclosure: Disclosure,
  writer: PackWriter,
  tools: PackTools,
): AsyncGenerator<SourceItem, void> {
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const shownKeys = new Map<string, { readonly journal: string; readonly number: number; readonly session: string; readonly key: string }>();
  let opener: EntryOpener | null = null;
  let openerOf = '';
  let done = 0;
  for (const { journal, segment, path, bytes } of segments) {
    // One for all segments of a journal, in their order: it follows the sessions through them.
    if (opener === null || openerOf !== journal) opener = await journalKeys.opener(journalDir, journal);
    openerOf = journal;
    tools.progress('reading the journals', total === 0 ? 1 : done / total);
    const file = slicePath(journal, segment);
    const tree = new MerkleTree();
    let shown = 0;
    let pieces: Buffer[] = [SLICE_MAGIC];
    let gathered = 0;
    let entries: SourceEntry[] = [];
    for await (const frame of stillThere(readStoredSegment(path, opener), journal, segment)) {
      for (const { entry, raw, opening } of frame.entries) {
        const index = tree.leaves;
        const leaf = storedLeaf(frame.time, raw);
        tree.add(leaf);
        const isShown = disclosure.shows(journal, entry, frame.time);
        const piece = isShown ? encodeDisclosed(frame.time, raw, opening) : encodeWithheld(leafHash(leaf.subarray(1)));
        pieces.push(piece);
        gathered += piece.length;
        if (!isShown) continue;
        shown++;
        entries.push({ index, time: frame.time, entry });
        // All of a session that was drawn is shown: its key shows that this is what is encrypted in it.
        const session = opening === null ? null : disclosure.drawn(journal, entry.session);
        const name = `${journal}/${entry.session}`;
        if (session === null || shownKeys.has(name)) continue;
        const key = opener.keyOf(entry.session)?.toString('hex');
        if (key !== undefined) shownKeys.set(name, { journal, number: entry.session, session, key });
      }
      if (gathered < BATCH_BYTES) continue;
      writer.bytes(file, Buffer.concat(pieces));
      yield { kind: 'entries', journal, segment, entries };
      [pieces, gathered, entries] = [[], 0, []];
    }
    writer.bytes(file, Buffer.concat(pieces));
    writer.end(file);
    yield { kind: 'entries', journal, segment, entries };
    yield { kind: 'sealed', journal, segment, entries: tree.leaves, shown, root: tree.root().toString('hex') };
    done += bytes;
  }
  if (shownKeys.size > 0) writer.put(SESSION_KEYS, [...shownKeys.values()].map((each) => `${JSON.stringify(each)}\n`).join(''));
}

/** Retention may delete a segment that was there when the pack was begun. */
async function* stillThere<T>(frames: AsyncGenerator<T, void>, journal: string, segment: number): AsyncGenerator<T, void> {
  try {
    yield* frames;
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause;
    throw new GwError('evidence.busy', `Segment ${segment} of the journal ${journal} went while the pack was made.`, {
      cause,
      hint: 'Export it again: where retention deleted the segment, the pack then says so.',
    });
  }
}

function damaged(log: string, why: string): GwError {
  return new GwError('audit.invalid', `No pack is made of the log ${log}: ${why}.`, { hint: 'Run `gw audit verify`, and restore the log from a copy.' });
}
