/**
 * Verifies a pack from its files and public keys alone: the signature of the manifest, every file, the logs, the journals against the logs, and every
 * table, report and record against what log and journal give. Reports everything that is wrong. All input is untrusted.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import {
  type Anchor,
  AnchorBook,
  anchorsOf,
  type Checkpoint,
  followRotations,
  isSigned,
  type KeyChain,
  LogFiles,
  ownHead,
  parseCheckpoint,
  readBounded,
  saysRootOverLogs,
  WRONG_ROOT_OVER_LOGS,
} from '../audit/index.js';
import { GwError } from '../contract/gw-error.js';
import { MerkleTree, readStoredEntry, storedLeaf } from '../recording/index.js';
import { derivePack, type PackTools, type SourceEntry, type SourceItem, type SourceLog } from './derive-pack.js';
import type { Disclosure } from './disclosure.js';
import { readSlice } from './journal-slice.js';
import { gatewayNamed, openManifest, type Statement } from './manifest.js';
import { ENVELOPE, isRaw, MANIFEST, PACK_FORMAT, rotationPath, SESSION_KEYS, VERIFY_SCRIPT } from './pack-scope.js';
import { noSink, PackWriter } from './pack-writer.js';
import type { SelfCheck } from './sections/section.js';
import type { PackPolicy } from './sections/section-maker.js';
import { SlicedLog } from './sliced-log.js';

/** What can be wrong with a pack; stable words. */
export const PACK_CLAIMS = {
  signature: 'a key that counts signed the manifest and the checkpoints',
  file: 'every file is there and is the one that the manifest names, and no other is',
  log: 'the logs of the pack are whole, and none is left out',
  fork: 'the logs continue every checkpoint that was kept',
  journal: 'the journals of the pack are those of the log',
  derived: 'tables, report and records are what logs and journals give',
  complete: 'nothing of the period is left out',
} as const;

export interface PackProblem {
  readonly claim: keyof typeof PACK_CLAIMS;
  readonly message: string;
}

export interface PackVerification {
  readonly problems: readonly PackProblem[];
  readonly gateway: string;
  readonly from: string;
  readonly to: string;
  readonly session: string | null;
  readonly files: number;
  readonly logs: readonly { readonly log: string; readonly size: number; readonly root: string }[];
  readonly sections: readonly { readonly section: string; readonly rows: number; readonly state: string }[];
  /** Checks of the report that do not hold, and say nothing against the pack. */
  readonly findings: readonly SelfCheck[];
  readonly notices: readonly string[];
}

export interface VerifyPackOptions {
  /** Public keys that count, 32 bytes each. */
  readonly keys: readonly Buffer[];
  /** Checkpoints that somebody kept. */
  readonly known: readonly Checkpoint[];
}

const OTHER_SCRIPT = 'The verify.sh in the pack is not the one of this version of gw. Take one from a release of gw, and not from the pack.';

/** Checks whose failure means that something is missing or was changed, and not that somebody did what they should not. */
const INTEGRITY = /^(E01\.|E04\.(complete|readable|settled)$|E06\.matched$|E07\.sums$|E09\.|E10\.)/;

/** @throws GwError `evidence.invalid` when there is no pack that could be looked into */
export async function verifyPack(directory: string, { keys: given, known }: VerifyPackOptions, tools: PackTools): Promise<PackVerification> {
  const problems: PackProblem[] = [];
  const notices: string[] = [];
  const report = (claim: PackProblem['claim'], message: string): void => void problems.push({ claim, message });
  const chain = await keyChain(directory, await need(directory, MANIFEST), given);
  for (const problem of chain.problems) report('signature', problem);
  const { keys } = chain;
  const { statement, scope, signers } = openManifest(await need(directory, MANIFEST), await need(directory, ENVELOPE), keys);
  const { predicate } = statement;
  if (signers.length === 0) report('signature', 'the manifest is not signed by any of the keys given');
  if (predicate.format !== PACK_FORMAT)
    throw new GwError('evidence.invalid', `The pack is of the format ${predicate.format}; this version of gw verifies ${PACK_FORMAT}.`, {
      hint: 'Verify it with the version of gw that its 00-scope.md names, or with its verify.sh.',
    });
  await checkFiles(directory, statement, tools, report);
  const logs = await openLogs(directory, statement, keys, report);
  await checkKnown(logs, known, report, notices);
  await checkAnchors(logs, scope.to, report);
  const found = {
    gateway: predicate.gateway,
    from: predicate.from,
    to: predicate.to,
    session: predicate.session,
    files: statement.subject.length,
    logs: predicate.logs.map(({ log, size, root }) => ({ log, size, root })),
    notices,
  };
  // What the derivation reads is not as it was signed: what it would give says nothing further.
  if (problems.some(({ claim }) => claim === 'file' || claim === 'log')) return { ...found, problems, sections: [], findings: [] };
  const writer = new PackWriter(noSink);
  try {
    const policies = await packPolicies(directory, statement);
    const segments = (disclosure: Disclosure): AsyncIterable<SourceItem> => packSegments(directory, statement, disclosure, tools);
    const { sections } = await derivePack({ logs, policies, segments }, scope, tools, writer);
    const wanted = new Map(writer.files.map(({ path, sha256 }) => [path, sha256]));
    for (const { name, digest } of statement.subject) {
      if (isRaw(name)) continue;
      if (wanted.get(name) === undefined) report('derived', `${name} is nothing that logs and journals give`);
      else if (name === VERIFY_SCRIPT && wanted.get(name) !== digest.sha256) notices.push(OTHER_SCRIPT);
      else if (wanted.get(name) !== digest.sha256) report('derived', `${name} is not what logs and journals give`);
      wanted.delete(name);
    }
    for (const name of wanted.keys()) report('derived', `${name} is missing`);
    const failed = sections.flatMap(({ checks }) => checks).filter(({ passed }) => passed === false);
    for (const { id, claim, detail } of failed)
      if (INTEGRITY.test(id)) report(id === 'E01.segments' ? 'journal' : 'complete', `${id} does not hold: ${claim} (${detail})`);
    return {
      ...found,
      problems,
      sections: sections.map(({ id, rows, state }) => ({ section: id, rows, state })),
      findings: failed.filter(({ id }) => !INTEGRITY.test(id)),
    };
  } catch (thrown) {
    if (!(thrown instanceof GwError) || (thrown.code !== 'evidence.invalid' && thrown.code !== 'audit.invalid')) throw thrown;
    report('journal', thrown.message);
    return { ...found, problems, sections: [], findings: [] };
  }
}

/** The keys given, and those that replaced them, by the statements in the pack: both keys signed each of them. */
async function keyChain(directory: string, manifest: Buffer, given: readonly Buffer[]): Promise<KeyChain> {
  const statements: Buffer[] = [];
  for (let number = 1; number <= ROTATIONS; number++) {
    const statement = await readBounded(join(directory, rotationPath(number)), ROTATION_BYTES);
    if (statement === null) break;
    statements.push(statement);
  }
  return followRotations(gatewayNamed(manifest), statements, given);
}

async function need(directory: string, file: string): Promise<Buffer> {
  const bytes = await readBounded(join(directory, file), MANIFEST_BYTES);
  if (bytes === null)
    throw new GwError('evidence.invalid', `There is no evidence pack in ${directory}: its ${file} is not there, is no file, or is too large.`);
  return bytes;
}

async function checkFiles(directory: string, { subject }: Statement, tools: PackTools, report: (claim: 'file', message: string) => void): Promise<void> {
  const named = new Map(subject.map(({ name, digest }) => [name, digest.sha256]));
  if (named.size !== subject.length) report('file', 'the manifest names a file twice');
  const there = new Set<string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (path === MANIFEST || path === ENVELOPE) continue;
    if (entry.isFile() && named.has(path)) there.add(path);
    else report('file', `${path} is not in the manifest`);
  }
  let done = 0;
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (const [path, sha256] of named) {
    tools.progress('checking the files', done++ / named.size);
    if (!there.has(path)) report('file', `${path} is missing`);
    else if ((await digestOf(join(directory, path), buffer)) !== sha256) report('file', `${path} was changed`);
  }
}

/** @param buffer the file goes through it, piece by piece: a stream would take new ones for each of the many small files of a pack */
async function digestOf(path: string, buffer: Buffer): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}

async function openLogs(
  directory: string,
  { predicate }: Statement,
  keys: readonly Buffer[],
  report: (claim: PackProblem['claim'], message: string) => void,
): Promise<SourceLog[]> {
  const logs: SourceLog[] = [];
  const places = new Set<string>();
  for (const { log: origin, first, size, root } of predicate.logs) {
    const place = origin.slice(origin.lastIndexOf('/') + 1);
    places.add(place);
    const files = new LogFiles(join(directory, 'log', place));
    const bytes = await files.checkpoint();
    const parsed = bytes === null ? null : parseCheckpoint(bytes);
    if (bytes === null || parsed === null || !/^\d{1,3}$/.test(place) || origin !== `${predicate.gateway}/${place}`) {
      report('log', `the log ${origin} has no checkpoint in the pack`);
      continue;
    }
    const { checkpoint, note } = parsed;
    if (checkpoint.origin !== origin || checkpoint.size !== size || checkpoint.root.toString('hex') !== root)
      report('log', `the checkpoint of ${origin} is not the one of the manifest`);
    if (!isSigned(note, origin, keys)) report('signature', `the checkpoint of ${origin} is not signed by any of the keys given`);
    const log = new SlicedLog(files, checkpoint.size, origin, { first, size: checkpoint.size });
    for (const problem of await log.problems(checkpoint.root)) report('log', `${origin}: ${problem}`);
    logs.push({ log, root: checkpoint.root, checkpoint: bytes.toString('utf8') });
  }
  for (let place = 0; place < places.size; place++) if (!places.has(String(place))) report('log', `there is no log ${place}, and there are later ones`);
  return logs;
}

/** That a log goes on from a checkpoint that somebody kept. */
async function checkKnown(
  logs: readonly SourceLog[],
  known: readonly Checkpoint[],
  report: (claim: 'fork', message: string) => void,
  notices: string[],
): Promise<void> {
  for (const { origin, size, root } of known) {
    const source = logs.find(({ log }) => log.origin === origin);
    if (source === undefined) report('fork', `a checkpoint of ${origin} was kept, and the pack has no such log`);
    else if (size > source.log.size)
      notices.push(
        `The checkpoint of ${origin} that was kept is newer than the pack (${size} entries, ${source.log.size} here): compare the log itself with \`gw audit verify --checkpoint\`.`,
      );
    else if (size > 0) {
      const continues = await source.log.continues(size, root);
      if (continues === null)
        report('fork', `the log ${origin} was pruned: nothing in the pack shows that its first ${size} entries are those that were seen once`);
      else if (!continues) report('fork', `the first ${size} entries of ${origin} are not those that were seen once`);
    }
  }
}

/** Logs tell of each other and of themselves: none that was there in the period may be left out or be another one. */
async function checkAnchors(logs: readonly SourceLog[], to: number, report: (claim: PackProblem['claim'], message: string) => void): Promise<void> {
  const anchors = new AnchorBook();
  for (const { log } of logs) {
    let own: Anchor | null = null;
    try {
      for await (const { leaf } of log.leaves()) {
        if (Date.parse(leaf.time) >= to) continue;
        for (const anchor of anchorsOf(leaf.data['anchors'])) anchors.take(anchor);
        if (!saysRootOverLogs(leaf)) continue;
        const head = ownHead(log.origin, leaf);
        if (head === null) report('log', `entry ${leaf.n} of ${log.origin}: ${WRONG_ROOT_OVER_LOGS}`);
        else own = head;
      }
    } catch (thrown) {
      if (!(thrown instanceof GwError)) throw thrown;
      report('log', thrown.message);
    }
    if (own !== null) anchors.take(own);
  }
  for (const [origin, size] of anchors.contradicted) report('fork', `entries say two roots of the first ${size} entries of ${origin}`);
  for (const origin of anchors.logs) {
    const source = logs.find(({ log }) => log.origin === origin);
    if (source === undefined) {
      report('log', `other logs tell of ${origin}, and the pack does not have it`);
      continue;
    }
    const broken = await source.log.broken(anchors.of(origin));
    if (broken !== null) report('fork', `${origin} is not the log that was told of: not in its first ${broken.size} entries`);
  }
}

async function packPolicies(directory: string, { subject }: Statement): Promise<PackPolicy[]> {
  const policies: PackPolicy[] = [];
  for (const { name } of subject) {
    const [, digest] = /^policies\/([0-9a-f]{64})\.json$/.exec(name) ?? [];
    if (digest !== undefined) policies.push({ digest: `sha256:${digest}`, canonical: (await readFile(join(directory, name))).toString('utf8') });
  }
  return policies;
}

const ROTATIONS = 10_000;
const ROTATION_BYTES = 64 * 1024;
/** Of a million files, in base64. */
const MANIFEST_BYTES = 400 * 1024 * 1024;
/** Read at once from a file. */
const READ_BYTES = 256 * 1024;
const SLICE = /^journal\/([A-Za-z0-9_-]{1,64})\/(\d{6,10})\.gws$/;

async function* packSegments(directory: string, { subject }: Statement, disclosure: Disclosure, tools: PackTools): AsyncGenerator<SourceItem, void> {
  const slices = subject.flatMap(({ name }) => {
    const [, journal, number] = SLICE.exec(name) ?? [];
    return journal === undefined || number === undefined ? [] : [{ name, journal, segment: Number(number) }];
  });
  slices.sort((a, b) => (a.journal < b.journal ? -1 : a.journal > b.journal ? 1 : a.segment - b.segment));
  const keys = await sessionKeys(
    directory,
    subject.some(({ name }) => name === SESSION_KEYS),
  );
  const readable = new Map<string, boolean>();
  for (const [at, { name, journal, segment }] of slices.entries()) {
    tools.progress('deriving the tables again', at / slices.length);
    const tree = new MerkleTree();
    let shown = 0;
    for await (const items of readSlice(name, createReadStream(join(directory, name), { highWaterMark: READ_BYTES }))) {
      const entries: SourceEntry[] = [];
      for (const item of items) {
        const index = tree.leaves;
        if (item.kind === 'withheld') {
          tree.addHash(item.hash);
          continue;
        }
        shown++;
        tree.add(storedLeaf(item.time, item.raw));
        const number = item.raw.length < 6 ? 0 : item.raw.readUInt32BE(2);
        const key = keys.get(`${journal}/${number}`) ?? null;
        const entry = readStoredEntry(item.raw, item.opening, key);
        if (entry === null) throw new GwError('evidence.invalid', `Entry ${index} of ${name} cannot be read, or is not what it is said to be.`);
        if (!disclosure.shows(journal, entry, item.time)) continue;
        // The content of a session ends as a whole, with its key: who shows some of it withholds the rest.
        if (entry.encrypted) {
          const session = `${journal}/${number}`;
          const isRead = entry.hidden === null;
          if ((readable.get(session) ?? isRead) !== isRead)
            throw new GwError('evidence.invalid', `Session ${number} of ${journal} has entries that are shown without their content, and others with it.`);
          readable.set(session, isRead);
        }
        if (item.opening !== null && key === null && disclosure.drawn(journal, number) !== null)
          throw new GwError(
            'evidence.invalid',
            `The key of session ${number} of ${journal} is missing, so nothing shows that its record is what was encrypted.`,
          );
        entries.push({ index, time: item.time, entry });
      }
      yield { kind: 'entries', journal, segment, entries };
    }
    yield { kind: 'sealed', journal, segment, entries: tree.leaves, shown, root: tree.root().toString('hex') };
  }
}

/** The keys of the sessions that are shown as a whole, by `journal/number`. */
async function sessionKeys(directory: string, there: boolean): Promise<Map<string, Buffer>> {
  const keys = new Map<string, Buffer>();
  if (!there) return keys;
  for (const line of (await readFile(join(directory, SESSION_KEYS), 'utf8')).split('\n')) {
    if (line === '') continue;
    const { journal, number, key } = JSON.parse(line) as Record<string, unknown>;
    if (typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) throw new GwError('evidence.invalid', `${SESSION_KEYS} holds something that is no key.`);
    keys.set(`${String(journal)}/${String(number)}`, Buffer.from(key, 'hex'));
  }
  return keys;
}
