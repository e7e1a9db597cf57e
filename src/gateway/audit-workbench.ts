/**
 * Verification of a gateway's logs and journals where they lie, or where a copy of them lies: out of files and public keys alone, without a
 * gateway. Journals are read first: what is in them is in the logs, or will never be.
 */
import type { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  followRotations,
  KEY_TYPE,
  type KeyChain,
  LogFiles,
  type LogProblem,
  type LogReport,
  type LogsReport,
  parseCheckpoint,
  parseRotation,
  parseVerifierKey,
  publicKeyBytes,
  READ_ATTEMPTS,
  readCertificates,
  readRotations,
  readSigningKey,
  type VerifierKey,
  verifierKey,
  verifyLogs,
  verifyNote,
} from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import { fileProblem } from '../base/file-problem.js';
import { readIfThere } from '../base/read-if-there.js';
import { GwError } from '../contract/gw-error.js';
import { type JournalKeys, type JournalReport, verifyJournal } from '../recording/index.js';
import { compareJournals, isClaimed, JournalEvents, prunedSegments } from './compare-journals.js';
import { keyringBeside, loadJournalKeys } from './journal-keys.js';
import { readGatewayConfig } from './live-config.js';
import { gatewayOf, listLogs, logDirectory, logOrigin, logsBelow } from './open-audit-trail.js';
import { checkSessionProof, type ProvedSession } from './session-proof.js';
import { loadSigningKeys } from './signing-keys.js';

export interface VerifyRequest {
  /** Data directory of a gateway, or a copy of its `log` and `journal`. */
  readonly from: string;
  /** Files with keys, one a line, of the gateway and of witnesses. None: the key that the gateway keeps in the same directory. */
  readonly keyFiles: readonly string[];
  /** Checkpoints that somebody kept. */
  readonly checkpointFiles: readonly string[];
  /** PEM files with certificates of timestamp authorities. */
  readonly authorityFiles?: readonly string[];
  /** When the copy was made, milliseconds since the epoch. */
  readonly at: number | null;
}

export interface Verification {
  readonly intact: boolean;
  readonly logs: readonly Pick<LogReport, 'log' | 'size' | 'first' | 'root' | 'pending' | 'timestamps'>[];
  /** Over the checkpoints of all logs, hex; null: no log has one. */
  readonly rootOverLogs: string | null;
  readonly sessions: number;
  readonly segments: number;
  /** Whether there were journals to compare with. */
  readonly journals: number;
  /** What was ended in order: contents of sessions, and segments of journals. */
  readonly ended: { readonly erased: number; readonly expired: number; readonly segments: number };
  readonly problems: readonly LogProblem[];
  readonly notices: readonly string[];
}

/** @throws GwError `usage.invalid` when there is nothing to verify or a file given is not what it should be */
export async function verifyAudit({ from, keyFiles, checkpointFiles, authorityFiles = [], at }: VerifyRequest): Promise<Verification> {
  const directories = await logsBelow(from, '--from');
  const keys = await keysOf(from, keyFiles);
  const chain = await readKeyChain(directories, keys.all);
  const everKnown = [...keys.all, ...chain.earlier.map((key): VerifierKey => ({ name: 'earlier', type: KEY_TYPE.log, key }))];
  const kept = await Promise.all(checkpointFiles.map((file) => keptCheckpoint(file, everKnown)));
  const known = kept.map(({ checkpoint }) => checkpoint);
  const authorities = (await Promise.all(authorityFiles.map(authoritiesIn))).flat();
  const journalDir = join(from, 'journal');
  const read = async (): Promise<{ journals: JournalReport; events: JournalEvents; report: LogsReport }> => {
    const events = new JournalEvents();
    const journals = await verifyJournal(journalDir, { keys: await keyringBeside(from), onEvent: events.onEvent });
    const report = await verifyLogs(directories, {
      keys: chain.keys,
      earlier: chain.earlier,
      successors: chain.successors,
      known,
      authorities,
      at: at ?? systemClock.now(),
    });
    return { journals, events, report };
  };
  let { journals, events, report } = await read();
  // A process that began or ended while this read.
  for (let attempt = 1; attempt < READ_ATTEMPTS && journals.workers.some((worker) => isClaimed(report, worker)); attempt++)
    ({ journals, events, report } = await read());
  const hasJournals = await stat(journalDir).then(
    () => true,
    () => false,
  );
  const rotations = chain.problems.map((message): LogProblem => ({ claim: 'signature', log: logDirectory(from), index: null, message }));
  const problems = [
    ...rotations,
    ...report.problems,
    ...unwitnessed(report, kept, keys.all),
    ...(hasJournals ? [...compareJournals(report, journals.workers), ...events.compare(report)] : []),
  ];
  return {
    intact: problems.length === 0,
    logs: report.logs.map(({ log, size, first, root, pending, timestamps }) => ({ log, size, first, root, pending, timestamps })),
    rootOverLogs: report.rootOverLogs,
    sessions: report.book.sessions,
    segments: report.book.segments.size,
    journals: journals.workers.length,
    ended: { erased: report.retention.erased, expired: report.retention.expired, segments: prunedSegments(report) },
    problems,
    notices: [
      ...keys.notices,
      ...(authorities.length === 0 && report.logs.some(({ timestamps }) => timestamps > 0) ? [UNTRUSTED_TIMESTAMPS] : []),
      ...(hasJournals ? [] : ['There are no journals here: sessions were not compared with their records.']),
    ],
  };
}

const UNTRUSTED_TIMESTAMPS =
  'The timestamps verify by the certificates that they carry, and nobody vouches for those: give the certificates of the authority with --authority.';

async function authoritiesIn(file: string): Promise<X509Certificate[]> {
  try {
    return readCertificates((await read(file, 'The file of an authority')).toString('utf8'), file);
  } catch (thrown) {
    if (thrown instanceof GwError && thrown.code === 'config.invalid') throw new GwError('usage.invalid', thrown.message, { cause: thrown });
    throw thrown;
  }
}

/** Checks one file of `gw audit prove`. @throws GwError `audit.invalid` when it does not prove what it says, `usage.invalid` */
export async function verifyProof(file: string, { from, keyFiles }: Pick<VerifyRequest, 'from' | 'keyFiles'>): Promise<ProvedSession> {
  const { all } = await keysOf(from, keyFiles);
  const text = (await read(file, 'The proof')).toString('utf8');
  return checkSessionProof(text, logKeys(all));
}

/** The public keys of the gateway that a configuration describes: one line for each log and key. @throws GwError `config.invalid` */
export async function auditKeys(configFile: string): Promise<string[]> {
  const { config } = await readGatewayConfig(configFile);
  const keys = await loadSigningKeys(config, systemClock.now());
  const logs = await listLogs(logDirectory(config.gateway.dataDir));
  const origins = logs.length === 0 ? [logOrigin(config.gateway.name, '/0')] : logs.map((directory) => logOrigin(config.gateway.name, directory));
  return origins.flatMap((origin) => keys.map((key) => verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key))));
}

/** Opens the journals below `from`: by the keys of a configuration, or by the one that lies beside them. @throws GwError `config.invalid` | `recording.key` */
export async function journalKeyring(from: string, configFile: string | null): Promise<JournalKeys> {
  if (configFile === null) return keyringBeside(from);
  const { config } = await readGatewayConfig(configFile);
  return (await loadJournalKeys(config, systemClock.now())).keyring;
}

async function keysOf(from: string, files: readonly string[]): Promise<{ readonly all: VerifierKey[]; readonly notices: string[] }> {
  if (files.length > 0) {
    return { all: await readKeyFiles(files), notices: [] };
  }
  const seed = await readIfThere(join(from, 'audit-key'));
  if (seed === null)
    throw new GwError('usage.invalid', 'No key was given.', { hint: 'Give the file in which you keep what `gw audit key` printed: `--key FILE`.' });
  const key = publicKeyBytes(readSigningKey(seed.trim(), 'The key beside the log'));
  // A gateway that runs takes a new key with its next heartbeat; until then the one before signs.
  const before = (await readRotations(logDirectory(from))).flatMap((each) => parseRotation(each)?.from ?? []);
  return {
    all: [key, ...before].map((each): VerifierKey => ({ name: 'own', type: KEY_TYPE.log, key: each })),
    notices: [
      'No key was given: the one that lies beside the log was taken. Whoever can change the log can change that too; keep what `gw audit key` prints elsewhere, and give it with --key.',
    ],
  };
}

function logKeys(keys: readonly VerifierKey[]): Buffer[] {
  return keys.filter(({ type }) => type === KEY_TYPE.log).map(({ key }) => key);
}

/** Keys that count for these logs: those given, and those that they handed over to. */
export async function readKeyChain(directories: readonly string[], given: readonly VerifierKey[]): Promise<KeyChain> {
  const keys = logKeys(given);
  const first = directories[0];
  const note = first === undefined ? null : await new LogFiles(first).checkpoint();
  const origin = note === null ? undefined : parseCheckpoint(note)?.checkpoint.origin;
  if (first === undefined || origin === undefined) return { keys, earlier: keys, successors: new Map(), problems: [] };
  return followRotations(gatewayOf(origin), await readRotations(dirname(first)), keys);
}

/** Keys out of files, one a line. @throws GwError `usage.invalid` */
export async function readKeyFiles(files: readonly string[]): Promise<VerifierKey[]> {
  const keys = await Promise.all(files.map(readKeys));
  return keys.flat();
}

async function readKeys(file: string): Promise<VerifierKey[]> {
  const text = await read(file, 'The key file');
  const lines = text
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0)
    throw new GwError('usage.invalid', `The key file ${file} is empty.`, { hint: 'Keep in it what `gw audit key` prints where the gateway runs.' });
  return lines.map(parseVerifierKey);
}

/** Whoever gives a witness's key expects that it saw every log. */
function unwitnessed({ logs }: LogsReport, kept: readonly KeptCheckpoint[], keys: readonly VerifierKey[]): LogProblem[] {
  const witnesses = keys.filter(({ type }) => type === KEY_TYPE.witness);
  return logs.flatMap(({ log }) =>
    witnesses.flatMap((witness) => {
      const seen = kept.some(({ checkpoint, note }) => checkpoint.origin === log && verifyNote(note, witness) !== false);
      return seen ? [] : [{ claim: 'witness' as const, log, index: null, message: `no checkpoint of it that is given was cosigned by ${witness.name}` }];
    }),
  );
}

type KeptCheckpoint = NonNullable<ReturnType<typeof parseCheckpoint>>;

/** A checkpoint that somebody kept. @throws GwError `usage.invalid` when it is none, or none of the keys signed it */
export async function keptCheckpoint(file: string, keys: readonly VerifierKey[]): Promise<KeptCheckpoint> {
  const parsed = parseCheckpoint(await read(file, 'The checkpoint'));
  if (parsed === null) throw new GwError('usage.invalid', `${file} is not a checkpoint.`, { hint: 'Keep copies of `log/0/checkpoint` as they are.' });
  // Origin and name of a log's keys are the same: the key counts, whatever log of the gateway it was printed for.
  const named = keys.map((key) => (key.type === KEY_TYPE.log ? { ...key, name: parsed.checkpoint.origin } : key));
  if (!named.some((key) => verifyNote(parsed.note, key) !== false)) {
    throw new GwError('usage.invalid', `The checkpoint ${file} is not signed by any of the keys given.`, {
      hint: 'Give the key that signed it too, with another `--key`.',
    });
  }
  return parsed;
}

/** Largest file that somebody hands over, bytes: a proof of a long session. */
const HANDED_BYTES = 64 << 20;

async function read(file: string, what: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > HANDED_BYTES) throw new GwError('usage.invalid', `${what} ${file} has ${size} bytes; at most ${HANDED_BYTES} are read.`);
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof GwError) throw cause;
    throw new GwError('usage.invalid', `${what} ${file} cannot be read: ${fileProblem(cause)}.`, { cause, hint: 'Check the path.' });
  }
}
