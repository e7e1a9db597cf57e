/**
 * The evidence of one gateway as a whole, made by the real writers: two logs with sessions, refusals, masked and clear reads, approvals, an exchanged key and
 * timestamps; their journals in several segments; and what outsiders kept of it: public keys, cosigned checkpoints, the authority's root.
 */
import type { KeyObject } from 'node:crypto';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cosignLogs } from '../../src/audit/cosign-logs.js';
import { type AuditTrail, createAuditLog } from '../../src/audit/index.js';
import { keepRotation, signRotation } from '../../src/audit/key-rotation.js';
import { KEY_TYPE, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { timestampPost } from '../../src/audit/timestamp/timestamp-post.js';
import { readCertificates } from '../../src/audit/timestamp/timestamp-signature.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import type { MaskedAs } from '../../src/contract/masking-policy.js';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { logSegment } from '../../src/gateway/interrupted-work.js';
import { LoggedJournal } from '../../src/gateway/logged-journal.js';
import { openJournal } from '../../src/recording/index.js';
import { allow, bytes, deny, end, facts, ok, start } from '../recording/session-fixture.js';
import { eventually } from '../store/state-server.js';
import type { TimestampAuthority } from '../support/timestamp-authority.js';
import { openTrail } from './log-world.js';

const seedKey = (byte: string): KeyObject => readSigningKey(byte.repeat(32), 'The key');
/** The key that the verifier knows, the one that took its place, and others. */
export const KEYS = { first: seedKey('11'), second: seedKey('22'), witness: seedKey('33'), stranger: seedKey('44') };
const MASKED: MaskedAs = { class: 'ssn', treatment: 'mask', rule: 'bank/mask' };
const CLEAR: MaskedAs = { class: 'email', treatment: 'clear', rule: 'bank/clear' };
export const HOLD = 'hld_case7';
const SECRET = 'masked ###-##-1234';

export interface ForgedWorld {
  /** Holds `log` and `journal`. */
  readonly dir: string;
  /** The same at an earlier time, closed too. */
  readonly earlier: string;
  /** Claims that fail in `copy` of `dir`, each once, in order of the alphabet; `kept`: with what outsiders kept. */
  claims(copy: string, kept: boolean): Promise<string[]>;
}

/** @param root an empty directory */
export async function buildForgedWorld(root: string, authority: TimestampAuthority): Promise<ForgedWorld> {
  const [dir, earlier, state] = [join(root, 'data'), join(root, 'earlier'), join(root, 'witness')];
  const [logs, keyFile, witnessFile] = [join(dir, 'log'), join(root, 'audit.pub'), join(root, 'witness.pub')];
  await mkdir(join(dir, 'journal'), { recursive: true });
  await mkdir(logs);
  await keepRotation(logs, 1, signRotation('bank', 1, KEYS.first, KEYS.second, new Date().toISOString()));
  await writeFile(keyFile, `${verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(KEYS.first))}\n`);
  await writeFile(witnessFile, `${verifierKey('witness', KEY_TYPE.witness, publicKeyBytes(KEYS.witness))}\n`);
  await run(dir, 1, 'wrk_b', 3, null);
  await run(dir, 0, 'wrk_a', 6, authority);
  await cp(dir, earlier, { recursive: true });
  await run(dir, 0, 'wrk_c', 24, authority);
  const directories = ['0', '1'].map((name) => join(logs, name));
  const witness = { state, name: 'witness', key: KEYS.witness, logKeys: [KEYS.first, KEYS.second].map(publicKeyBytes) };
  const cosigned = await cosignLogs(directories, witness, Math.floor(Date.now() / 1000));
  if (cosigned.some(({ refused }) => refused !== null)) throw new TypeError('the witness refused');
  const checkpoints = (await readdir(state)).filter((name) => name.endsWith('.checkpoint')).map((name) => join(state, name));
  return {
    dir,
    earlier,
    claims: async (copy, kept) => {
      const outsiders = kept ? { keyFiles: [keyFile, witnessFile], checkpointFiles: checkpoints } : { keyFiles: [keyFile], checkpointFiles: [] };
      const { problems } = await verifyAudit({ from: copy, ...outsiders, authorityFiles: [authority.caFile], at: Date.now() + 86_400_000 });
      return [...new Set(problems.map(({ claim }) => claim))].sort();
    },
  };
}

/** One process of a gateway from its start to its end in order. */
async function run(dir: string, number: number, journalId: string, sessions: number, authority: TimestampAuthority | null): Promise<void> {
  const timestamps =
    authority === null
      ? undefined
      : { roots: readCertificates(authority.ca, 'x'), ask: timestampPost(authority.url, null), everyMs: 86_400_000, retryMs: 1_000 };
  const names = [verifierKey(`bank/${number}`, KEY_TYPE.log, publicKeyBytes(KEYS.second))];
  const trail = await openTrail(join(dir, 'log'), number, journalId, systemClock, timestamps, { names, signer: KEYS.second });
  const journal = await openJournal({
    dir: join(dir, 'journal'),
    gateway: 'bank',
    bootId: journalId,
    clock: systemClock,
    logger: silentLogger,
    segmentBytes: 8_000,
    onSealed: (segment) => logSegment(trail, segment),
  });
  const logged = new LoggedJournal(journal, trail);
  const audit = createAuditLog(logged, trail);
  // All sessions are on this target: from here on nothing of them may end.
  if (journalId === 'wrk_b') await audit.record('hold.add', { hold: HOLD, scope: 'target', value: start('').target, reason: 'case 7' });
  for (let at = 1; at <= sessions; at++) await work(logged, audit, `ses_${journalId}_${at}`);
  await stamped(trail, authority);
  await logged.close();
  await trail.close();
}

async function stamped(trail: AuditTrail, authority: TimestampAuthority | null): Promise<void> {
  if (authority !== null) await eventually('it is stamped', () => (trail.timestamps?.last ?? 0) > 0);
}

async function work(journal: LoggedJournal, audit: ReturnType<typeof createAuditLog>, id: string): Promise<void> {
  const recorder = journal.begin(start(id));
  recorder.operation(1, 'query', facts('reads'), allow, bytes(`select ssn from customers where id = '${id}'`), null);
  recorder.delivered(1, bytes(SECRET));
  recorder.outcome(
    1,
    ok,
    new Map([
      [MASKED, 1],
      [CLEAR, 2],
    ]),
  );
  recorder.operation(2, 'query', facts('drops'), deny, bytes('drop table customers'), null);
  recorder.outcome(2, { ...ok, status: 'refused' });
  const approval = {
    approval: `apr_${id}`,
    approvalKind: 'operation',
    target: 'bank-db',
    requesterSubject: 'alice',
    session: id,
    digest: 'd',
    policy: 'p',
    rule: 'r',
  };
  await audit.record('approval.hold', approval);
  await audit.record('approval.approve', { ...approval, actorSubject: 'bob', comment: 'fine' });
  await audit.record('approval.use', approval);
  recorder.end(end);
  journal.commit();
  await journal.synced();
}
