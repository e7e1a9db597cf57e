/**
 * One file that proves a session, or one operation of it, to somebody who has nothing else but the gateway's public key: entries of the journal with
 * their paths to the roots of its segments, and entries of the log (begin, end, those segments) with their paths to signed checkpoints.
 */
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type AuditLeaf, checkLogProof, followRotations, LogFiles, proveLeaves, readRotations } from '../audit/index.js';
import { leafHash } from '../base/merkle-hash.js';
import { verifyInclusion } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type EntryContent, type JournalKeys, plainJournals, provedBytes, proveEntries, readProvedEntry, unsealed } from '../recording/index.js';
import { gatewayOf, logDirectory, logsBelow } from './open-audit-trail.js';

const base64 = z.string().max(8 << 20);
const hashes = z.array(z.string().max(64)).max(64);

const proofFile = z.strictObject({
  format: z.literal('gw-proof-1'),
  session: z.string().max(200),
  operation: z.int().min(0).nullable(),
  checkpoints: z.record(z.string().max(400), z.string().max(65_536)),
  rotations: z.array(z.string().max(65_536)).max(10_000).optional(),
  leaves: z.array(z.strictObject({ log: z.string().max(400), leaf: z.string().max(65_535), proof: hashes })).max(100_000),
  entries: z
    .array(
      z.strictObject({
        journal: z.string().max(200),
        segment: z.int().min(1),
        index: z.int().min(0),
        size: z.int().min(1),
        time: z.int().min(0),
        entry: base64,
        /** Shows the content of an encrypted entry; left out where there is nothing to show. */
        opening: base64.optional(),
        proof: hashes,
      }),
    )
    .max(100_000),
});

export type SessionProof = z.output<typeof proofFile>;

/** What a proof proves, in words. */
export interface ProvedSession {
  readonly session: string;
  readonly operation: number | null;
  /** From the log: who, on which target, from when to when (null: no end is in the log), and why it ended. */
  readonly subject: string;
  readonly issuer: string;
  readonly target: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly reason: string | null;
  /** Text of the operation exactly as recorded, and what became of it; null for a whole session, and for a text that the proof does not disclose. */
  readonly statement: string | null;
  readonly outcome: string | null;
  readonly checkpoints: readonly string[];
}

/**
 * @param from data directory of the gateway, or a copy of its `log` and `journal`
 * @param keys disclose the text of the operation; where it was erased the proof holds without it
 * @throws GwError `audit.unknown` when the log has no such session, or its segments are not in the log yet; `audit.invalid` for damaged files
 */
export async function proveSession(from: string, session: string, operation: number | null, keys: JournalKeys = plainJournals): Promise<SessionProof> {
  const directories = await logsBelow(from, '--from');
  const isOfSession = ({ data, kind }: AuditLeaf): boolean => data['session'] === session && kind.startsWith('session.');
  const { leaves } = await proveLeaves(directories, isOfSession);
  const start = leaves.map(({ leaf }) => JSON.parse(leaf) as AuditLeaf).find(({ kind }) => kind === 'session.start');
  if (start === undefined) throw new GwError('audit.unknown', `The audit log has no session ${session}.`, await prunedHint(directories));
  const { journal } = start;
  const journals = join(from, 'journal');
  const found = await proveEntries(join(journals, journal), Number(start.data['number']), operation, await keys.opener(journals, journal));
  if (operation !== null && !found.some(({ entry }) => isOperation(readProvedEntry(entry), operation))) {
    throw new GwError('audit.unknown', `The session ${session} has no operation ${operation}.`);
  }
  const segments = new Set(found.map(({ segment }) => segment));
  const isAnchor = ({ kind, data }: AuditLeaf): boolean =>
    kind === 'journal.segment' && data['journalOfSegment'] === journal && segments.has(Number(data['segment']));
  // All of it again, under one checkpoint for each log: a live log has grown since.
  const proved = await proveLeaves(directories, (leaf) => isOfSession(leaf) || isAnchor(leaf));
  const rotations = (await readRotations(logDirectory(from))).map((each) => each.toString('utf8'));
  const proof: SessionProof = {
    format: 'gw-proof-1',
    session,
    operation,
    checkpoints: proved.checkpoints,
    ...(rotations.length === 0 ? {} : { rotations }),
    leaves: proved.leaves.map((each) => ({ ...each, proof: [...each.proof] })),
    entries: found.map(({ opening, ...each }) => ({
      ...each,
      journal,
      entry: each.entry.toString('base64'),
      ...(opening === null ? {} : { opening: opening.toString('base64') }),
      proof: each.proof.map((hash) => hash.toString('base64')),
    })),
  };
  const inLog = new Set(proved.leaves.map(({ leaf }) => (JSON.parse(leaf) as AuditLeaf).data['segment']));
  const missing = [...segments].find((segment) => !inLog.has(segment));
  if (missing !== undefined) throw unsealed(missing);
  return proof;
}

/** What is not in a log may have been pruned. */
async function prunedHint(directories: readonly string[]): Promise<{ readonly hint?: string }> {
  const pruned: string[] = [];
  for (const directory of directories) {
    const pruning = await new LogFiles(directory).pruning();
    if (pruning !== null) pruned.push(`log ${basename(directory)} up to entry ${pruning.first}`);
  }
  return pruned.length === 0 ? {} : { hint: `Its entries may have been pruned (${pruned.join(', ')}). A proof made before that still verifies by itself.` };
}

/** @throws GwError `usage.invalid` for what is no proof, `audit.invalid` when it does not prove what it says */
export function checkSessionProof(text: string, keys: readonly Buffer[]): ProvedSession {
  const { session, operation, checkpoints, rotations = [], leaves, entries } = parse(text);
  const gateway = gatewayOf(Object.keys(checkpoints)[0] ?? '');
  const statements = rotations.map((each) => Buffer.from(each, 'utf8'));
  const proved = checkLogProof({ checkpoints, leaves }, followRotations(gateway, statements, keys).keys);
  const start = proved.find(({ kind, data }) => kind === 'session.start' && data['session'] === session);
  if (start === undefined) throw unproved('the beginning of the session is not in it');
  const end = proved.find(({ kind, data }) => (kind === 'session.end' || kind === 'session.recovered') && data['session'] === session);
  const contents = entries.map((each) => checkEntry(each, start, proved));
  const begins = contents.find((each) => each.kind === 'session.start');
  if (begins?.kind !== 'session.start' || begins.id !== session) throw unproved("the session's first entry in the journal is not in it");
  return {
    session,
    operation,
    subject: String(start.data['subject']),
    issuer: String(start.data['issuer']),
    target: String(start.data['target']),
    startedAt: start.time,
    endedAt: end?.time ?? null,
    reason: end === undefined ? null : String(end.data['reason']),
    ...(operation === null ? { statement: null, outcome: null } : operationOf(contents, operation)),
    checkpoints: Object.keys(checkpoints).sort(),
  };
}

function checkEntry(each: SessionProof['entries'][number], start: AuditLeaf, proved: readonly AuditLeaf[]): EntryContent {
  const { journal, segment, index, size, time, proof } = each;
  const entry = Buffer.from(each.entry, 'base64');
  const anchor = proved.find(({ kind, data }) => kind === 'journal.segment' && data['journalOfSegment'] === journal && data['segment'] === segment);
  if (anchor === undefined || anchor.data['entries'] !== size) throw unproved(`segment ${segment} of the journal is not in the log with ${size} entries`);
  const path = proof.map((hash) => Buffer.from(hash, 'base64'));
  const root = Buffer.from(String(anchor.data['root']), 'hex');
  if (!verifyInclusion(index, size, leafHash(provedBytes(time, entry)), path, root))
    throw unproved(`entry ${index} is not in segment ${segment} of the journal`);
  const content = readProvedEntry(entry, each.opening === undefined ? null : Buffer.from(each.opening, 'base64'));
  if (content === null) throw unproved(`entry ${index} of segment ${segment} is none that a proof has`);
  if (journal !== start.journal || content.session !== start.data['number']) throw unproved(`entry ${index} of segment ${segment} is of another session`);
  return content;
}

function operationOf(contents: readonly EntryContent[], operation: number): { readonly statement: string | null; readonly outcome: string | null } {
  const intent = contents.find((each) => isOperation(each, operation));
  if (intent?.kind !== 'operation') throw unproved(`operation ${operation} is not in it`);
  const parts = contents.flatMap((each) => (each.kind === 'part' && each.sequence === operation && each.text ? [each.bytes] : []));
  const pieces = [intent.exact, ...parts].filter((piece) => piece !== null);
  const disclosed = pieces.length === parts.length + 1;
  const exact = Buffer.concat(pieces);
  if (disclosed && exact.length !== intent.exactBytes) throw unproved(`the text of operation ${operation} is not whole`);
  const outcome = contents.find((each) => each.kind === 'outcome' && each.sequence === operation);
  return { statement: disclosed ? exact.toString('utf8') : null, outcome: outcome?.kind === 'outcome' ? `${outcome.status}, rows ${outcome.rows}` : null };
}

const isOperation = (content: EntryContent | null, operation: number): boolean => content?.kind === 'operation' && content.sequence === operation;

function parse(text: string): SessionProof {
  if (isNestedBeyond(text, DEPTH)) throw new GwError('usage.invalid', 'The file is not a proof: it is nested deeper than one.');
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GwError('usage.invalid', 'The file is not a proof: it is not JSON.', { cause });
  }
  const parsed = proofFile.safeParse(value);
  if (!parsed.success) throw new GwError('usage.invalid', 'The file is not a proof of `gw audit prove`.', { cause: parsed.error });
  return parsed.data;
}

/** Deepest nesting of a proof, and some. Parsing what is nested without end costs a hundred times its size. */
const DEPTH = 16;

function isNestedBeyond(text: string, limit: number): boolean {
  let depth = 0;
  // Strings are passed over as a whole.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > limit) return true;
  }
  return false;
}

function unproved(what: string): GwError {
  return new GwError('audit.invalid', `The proof does not hold: ${what}.`);
}
