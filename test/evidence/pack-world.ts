/**
 * Logs and journals of a small gateway, written by the real writers on a clock of its own, and packs of them: what stands in them is said by the test,
 * also what no gateway would do. Needs no server.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AuditTrail, createAuditLog } from '../../src/audit/index.js';
import { KEY_TYPE, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { silentLogger } from '../../src/base/logger.js';
import { type Decision, NOTHING_FURTHER } from '../../src/contract/decision.js';
import type { EvidenceExport, EvidenceScope } from '../../src/contract/evidence-types.js';
import type { Outcome, SessionRecorder, SessionStart } from '../../src/contract/recording.js';
import { exportPack } from '../../src/evidence/index.js';
import type { SelfCheck } from '../../src/evidence/sections/section.js';
import { createPackTools } from '../../src/gateway/evidence-tools.js';
import { logSegment } from '../../src/gateway/interrupted-work.js';
import { LoggedJournal } from '../../src/gateway/logged-journal.js';
import { logsBelow } from '../../src/gateway/open-audit-trail.js';
import { openJournal } from '../../src/recording/index.js';
import { openTrail } from '../audit/log-world.js';
import { bytes, end, facts, keyFile, keys, ok, start } from '../recording/session-fixture.js';

export const MINUTE = 60_000;
export const DAY = 86_400_000;
export const BEGIN = Date.parse('2026-03-02T09:00:00Z');
export const SIGNER = readSigningKey('5a'.repeat(32), 'The key');

const RULES = [
  { id: 'read', effect: 'allow', actions: ['select'] },
  { id: 'no-drop', effect: 'deny', actions: ['drop'] },
  { id: 'ask', effect: 'require_approval', actions: ['delete'] },
];
const CANONICAL = JSON.stringify({ files: [{ stem: 'base', policy: { rules: RULES } }] });
const POLICY = `sha256:${createHash('sha256').update(CANONICAL).digest('hex')}`;

const decided = (rule: string, effect: Decision['effect']): Decision => ({ effect, rule, policy: POLICY, reasons: ['so'], hint: null, ...NOTHING_FURTHER });
export const ALLOW = decided('base/read', 'allow');
export const DENY = decided('base/no-drop', 'deny');
const DEMAND = {
  approvers: [{ rule: 'base/ask', groups: ['reviewers'], quorum: 1 }],
  groups: ['reviewers'],
  quorum: 1,
  expiresInMs: MINUTE,
  tier: null,
  confirmTarget: false,
  grantMs: null,
  breakGlassMs: null,
} as const;
/** What people let through keeps what was demanded of them. */
export const ASKED: Decision = { ...decided('base/ask', 'allow'), approval: DEMAND };

export const ISSUER = 'https://issuer.example';
export const by = (subject: string) => ({ actorIssuer: ISSUER, actorSubject: subject, actorKind: 'person', actorName: subject });

/** The fields that every event about one request has. */
export const approvalOf = (approval: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  approval,
  approvalKind: 'operation',
  target: 'bank-db',
  requesterIssuer: ISSUER,
  requesterSubject: 'alice',
  digest: 'd1',
  policy: POLICY,
  rule: 'base/ask',
  reason: 'clean up',
  ticket: 'T-1',
  ...more,
});

/** Changes what goes into the log; null: it does not go in. */
export type Tamper = (kind: string, data: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>> | null;

export interface PackProcess {
  readonly journal: LoggedJournal;
  readonly audit: ReturnType<typeof createAuditLog>;
  readonly trail: AuditTrail;
  /** Sessions are told in their order. */
  session(id: string, work: (recorder: SessionRecorder) => Promise<void> | void, more?: SessionOptions): Promise<void>;
}

export interface SessionOptions {
  readonly start?: Partial<SessionStart>;
  readonly operations?: number;
  readonly refused?: number;
}

export class PackWorld {
  readonly dir: string;
  wall = BEGIN;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<PackWorld> {
    const dir = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gw-pack-world-'));
    for (const name of ['journal', 'log']) await mkdir(join(dir, name));
    await writeFile(join(dir, 'journal-key'), `${'07'.repeat(32)}\n`, { mode: 0o600 });
    await writeFile(join(dir, 'audit-key'), '5a'.repeat(32), { mode: 0o600 });
    await writeFile(join(dir, 'audit.pub'), `${verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(SIGNER))}\n`);
    return new PackWorld(dir);
  }

  get keyFile(): string {
    return join(this.dir, 'audit.pub');
  }

  pass(ms: number): void {
    this.wall += ms;
  }

  /** One process from its start to its end in order. */
  async run(journalId: string, work: (process: PackProcess) => Promise<void>, tamper: Tamper = (_kind, data) => data): Promise<void> {
    const clock = { now: () => this.wall, monotonic: () => 0 };
    const names = [verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(SIGNER))];
    const real = await openTrail(join(this.dir, 'log'), 0, journalId, clock, undefined, { names, signer: SIGNER });
    const trail = tampered(real, tamper);
    const journal = await openJournal({
      dir: join(this.dir, 'journal'),
      gateway: 'bank',
      bootId: journalId,
      clock,
      logger: silentLogger,
      encryption: keyFile,
      onSealed: (segment) => logSegment(real, segment),
    });
    const logged = new LoggedJournal(journal, trail);
    const audit = createAuditLog(logged, trail);
    await work({
      journal: logged,
      audit,
      trail: real,
      session: async (id, during, { start: more = {}, operations = 0, refused = 0 } = {}) => {
        const begun = start(id);
        const recorder = logged.begin({
          ...begun,
          assurance: 'enforced',
          startedAt: this.wall,
          gateway: 'bank',
          decision: { ...begun.decision, policy: POLICY },
          ...more,
        });
        await during(recorder);
        recorder.end({ ...end, endedAt: this.wall, operations, refused });
        logged.commit();
        await logged.synced();
        this.pass(MINUTE);
      },
    });
    this.pass(MINUTE);
    await logged.close();
    await real.close();
    this.pass(MINUTE);
  }

  /** @returns the checks of all sections by id */
  async export(
    name: string,
    scope: Partial<EvidenceScope> = {},
  ): Promise<{ readonly pack: string; readonly made: EvidenceExport; readonly checks: ReadonlyMap<string, SelfCheck> }> {
    const pack = join(this.dir, name);
    const write = async (path: string, content: Buffer): Promise<void> => {
      await mkdir(dirname(join(pack, path)), { recursive: true });
      await appendFile(join(pack, path), content);
    };
    const made = await exportPack(
      {
        logs: await logsBelow(this.dir, '--data'),
        journalDir: join(this.dir, 'journal'),
        journalKeys: keys,
        rotations: [],
        keys: [SIGNER],
        policy: (digest) => Promise.resolve(digest === POLICY ? { digest, canonical: CANONICAL } : null),
        scope: { framework: 'ffiec', from: BEGIN, to: null, session: null, nonce: 'n', sample: 25, ...scope, version: 'test' },
      },
      createPackTools(() => undefined),
      { write },
    );
    const checks = new Map<string, SelfCheck>();
    for (const { section } of made.sections) {
      const content = JSON.parse(await readFile(join(pack, section, 'section.json'), 'utf8')) as { checks: SelfCheck[] };
      for (const check of content.checks) checks.set(check.id, check);
    }
    return { pack, made, checks };
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

function tampered(trail: AuditTrail, tamper: Tamper): AuditTrail {
  return new Proxy(trail, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (kind: string, data: Readonly<Record<string, unknown>>) => unknown;
      if (name !== 'append' && name !== 'appendEnd') return bound;
      return (kind: string, data: Readonly<Record<string, unknown>>): unknown => {
        const changed = tamper(kind, data);
        return changed === null ? undefined : bound(kind, changed);
      };
    },
  });
}

/** One operation of a session from its intent to its outcome. */
export function operate(
  recorder: SessionRecorder,
  sequence: number,
  text: string,
  decision: Decision,
  outcome: Outcome | null = ok,
  more: { readonly result?: string; readonly masked?: Parameters<SessionRecorder['outcome']>[2]; readonly during?: () => void } = {},
): void {
  recorder.operation(sequence, 'query', facts(text.slice(0, 40)), decision, bytes(text), null);
  more.during?.();
  if (more.result !== undefined) recorder.delivered(sequence, row(more.result));
  if (outcome !== null) recorder.outcome(sequence, outcome, more.masked ?? null);
}

/** A result of one column and one row as PostgreSQL sends it. */
function row(text: string): Buffer {
  const message = (kind: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(kind, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const column = Buffer.concat([
    Buffer.from('value\0'),
    Buffer.alloc(6),
    Buffer.from([0, 0, 0, 25]),
    Buffer.from([255, 255]),
    Buffer.alloc(4, 255),
    Buffer.alloc(2),
  ]);
  const value = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeInt32BE(value.length);
  return Buffer.concat([message('T', Buffer.concat([Buffer.from([0, 1]), column])), message('D', Buffer.concat([Buffer.from([0, 1]), length, value]))]);
}
