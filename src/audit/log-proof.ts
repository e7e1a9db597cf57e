/**
 * Proof of entries of a log as data that verifies alone: each entry with its path to the root of a signed checkpoint. Made from the files of logs;
 * checked from the proof and public keys, with no file at all. A proof is untrusted input.
 */
import { leafHash } from '../base/merkle-hash.js';
import { inclusionProof, verifyInclusion } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { isSigned, parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';
import { readSteadily } from './read-steadily.js';

export interface LogProof {
  /** Signed notes by origin. */
  readonly checkpoints: Readonly<Record<string, string>>;
  readonly leaves: readonly { readonly log: string; readonly leaf: string; readonly proof: readonly string[] }[];
}

type ProvedLeaf = LogProof['leaves'][number];

/**
 * Proves every entry that `wanted` takes, over all logs, under their newest checkpoints: one for each log.
 * @throws GwError `audit.invalid` when a file of a log cannot be read
 */
export async function proveLeaves(directories: readonly string[], wanted: (leaf: AuditLeaf) => boolean): Promise<LogProof> {
  const checkpoints: Record<string, string> = {};
  const leaves: ProvedLeaf[] = [];
  for (const directory of directories) {
    const { note, origin, proved } = await readSteadily(directory, () => proveLog(new LogFiles(directory), wanted));
    if (proved.length > 0) checkpoints[origin] = note;
    leaves.push(...proved);
  }
  return { checkpoints, leaves };
}

interface ProvedLog {
  readonly note: string;
  readonly origin: string;
  readonly proved: readonly ProvedLeaf[];
}

async function proveLog(files: LogFiles, wanted: (leaf: AuditLeaf) => boolean): Promise<ProvedLog> {
  const note = await files.checkpoint();
  const parsed = note === null ? null : parseCheckpoint(note);
  if (note === null || parsed === null) throw new GwError('audit.invalid', `The log in ${files.directory} has no checkpoint.`);
  const { origin, size } = parsed.checkpoint;
  const proved: ProvedLeaf[] = [];
  for await (const { index, leaf: bytes } of files.leaves(size, await files.first())) {
    const leaf = decodeLeaf(bytes);
    if (leaf === null || !wanted(leaf)) continue;
    const proof = await inclusionProof(index, size, files.subtrees(size));
    proved.push({ log: origin, leaf: bytes.toString('utf8'), proof: proof.map((each) => each.toString('base64')) });
  }
  return { note: note.toString('utf8'), origin, proved };
}

/** The entries that it proves. @throws GwError `audit.invalid` when it proves one of them not */
export function checkLogProof({ checkpoints, leaves }: LogProof, keys: readonly Buffer[]): AuditLeaf[] {
  const proved: AuditLeaf[] = [];
  for (const { log, leaf: text, proof } of leaves) {
    const bytes = Buffer.from(text, 'utf8');
    const leaf = decodeLeaf(bytes);
    const note = Object.hasOwn(checkpoints, log) ? parseCheckpoint(Buffer.from(checkpoints[log] ?? '', 'utf8')) : null;
    if (leaf === null) throw unproved('an entry is not in the form of an entry');
    if (note === null || note.checkpoint.origin !== log || !isSigned(note.note, log, keys))
      throw unproved(`the checkpoint of ${log} is not signed by any of the keys given`);
    const path = proof.map((each) => Buffer.from(each, 'base64'));
    if (!verifyInclusion(leaf.n, note.checkpoint.size, leafHash(bytes), path, note.checkpoint.root)) throw unproved(`entry ${leaf.n} is not in the log ${log}`);
    proved.push(leaf);
  }
  return proved;
}

function unproved(what: string): GwError {
  return new GwError('audit.invalid', `The proof does not hold: ${what}.`);
}
