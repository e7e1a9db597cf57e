/**
 * A data directory with real logs, journals and state, and the engine of retention over it, under a clock that the test moves. Each `run` is a worker process
 * as far as retention can see.
 */
import type { KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  type AuditLog,
  AuditTrail,
  createAuditLog,
  KEY_TYPE,
  LogWriter,
  newSigningKey,
  publicKeyBytes,
  readSigningKey,
  verifierKey,
} from '../../src/audit/index.js';
import type { Clock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import type { HoldStore } from '../../src/contract/record-keeping.js';
import type { RetentionRules } from '../../src/contract/retention.js';
import type { SinkSettings } from '../../src/contract/settings.js';
import { type Verification, verifyAudit } from '../../src/gateway/audit-workbench.js';
import { logSegment } from '../../src/gateway/interrupted-work.js';
import { LoggedJournal } from '../../src/gateway/logged-journal.js';
import { listLogs } from '../../src/gateway/open-audit-trail.js';
import { RetentionEngine } from '../../src/gateway/retention/retention-engine.js';
import { openStore, type Store } from '../../src/store/index.js';
import { allow, bytes, deny, end, facts, keyFile, ok, open, start } from '../recording/session-fixture.js';
import type { StateServer } from '../store/state-server.js';

export const DAY = 86_400_000;
export const BEGIN = Date.parse('2026-03-01T12:00:00Z');
export const RULES: RetentionRules = {
  recordings: 30 * DAY,
  approvals: 100 * DAY,
  index: 30 * DAY,
  targets: [{ target: 'short-db', recordings: 10 * DAY, approvals: 100 * DAY, index: 10 * DAY }],
};

export interface Process {
  readonly trail: AuditTrail;
  readonly journal: LoggedJournal;
  readonly engine: RetentionEngine;
  readonly audit: AuditLog;
}

export class RetentionWorld {
  readonly dir: string;
  readonly store: Store;
  /** Of the state database. */
  readonly url: string;
  rules = RULES;
  wall = BEGIN;
  monotonic = 0;
  sinks: readonly SinkSettings[] = [];
  seenBy: readonly string[] = [];
  readonly clock: Clock = { now: () => this.wall, monotonic: () => this.monotonic };
  readonly #seed: string;

  private constructor(dir: string, store: Store, url: string, seed: string) {
    this.dir = dir;
    this.store = store;
    this.url = url;
    this.#seed = seed;
  }

  static async open(server: StateServer): Promise<RetentionWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'gw-retention-'));
    const seed = newSigningKey();
    await writeFile(join(dir, 'audit-key'), `${seed}\n`, { mode: 0o600 });
    const url = await server.database();
    return new RetentionWorld(dir, await openStore({ url, logger: silentLogger }), url, seed);
  }

  /** The key that signs. */
  get key(): KeyObject {
    return readSigningKey(this.#seed, 'the key');
  }

  /** Writes its public half to `audit.pub` in the directory. */
  async writeKey(): Promise<string> {
    const file = join(this.dir, 'audit.pub');
    await writeFile(file, `${verifierKey('bank/0', KEY_TYPE.log, publicKeyBytes(this.key))}\n`);
    return file;
  }

  get journalDir(): string {
    return join(this.dir, 'journal');
  }

  /** Time that passes while a process runs. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }

  /** A worker process from start to end: what it recorded is sealed and signed afterwards. */
  async run<T>(journal: string, act: (process: Process) => Promise<T>, place = 0, holds: Partial<HoldStore> = {}): Promise<T> {
    const trail = await this.#open(journal, place);
    const recorded = await open(this.journalDir, {
      bootId: journal,
      clock: this.clock,
      encryption: keyFile,
      segmentBytes: 6_000,
      onSealed: (segment) => logSegment(trail, segment),
    });
    const logged = new LoggedJournal(recorded, trail);
    const { store } = this;
    const engine = await RetentionEngine.open({
      dataDir: this.dir,
      journalDir: this.journalDir,
      rules: () => this.rules,
      trail,
      holds: {
        adopt: (missing) => store.holds.adopt(missing),
        list: (all) => store.holds.list(all),
        covering: (record) => store.holds.covering(record),
        unlessHeld: (record, go) => store.holds.unlessHeld(record, go),
        ...holds,
      },
      contents: store.contents,
      sessions: store.sessions,
      rows: store.retention,
      sinks: () => this.sinks,
      seenBy: () => this.seenBy,
      idleLogs: async (wanted, go) => {
        for (const directory of await this.logs()) {
          if (directory === trail.directory || !(await wanted(directory))) continue;
          const opened = await this.#open(journal, Number(basename(directory)));
          await go(opened).finally(() => opened.close());
        }
      },
      clock: this.clock,
      logger: silentLogger,
    });
    const done = await act({ trail, journal: logged, engine, audit: createAuditLog(logged, trail) });
    await engine.close();
    await logged.close();
    await trail.close();
    return done;
  }

  async #open(journal: string, place: number): Promise<AuditTrail> {
    const directory = join(this.dir, 'log', String(place));
    const log = await LogWriter.open({
      directory,
      origin: `bank/${place}`,
      keys: [this.key],
      logger: silentLogger,
      checkpointMs: 3_600_000,
      retryMs: 3_600_000,
    });
    const onError = (error: unknown): never => {
      throw error;
    };
    const sisters = async (): Promise<string[]> => (await this.logs()).filter((each) => each !== directory);
    return AuditTrail.open(
      { log, journal, clock: this.clock, heartbeatMs: 1_000_000_000, sisters, onError, release: () => Promise.resolve() },
      { version: 'test', keys: [] },
    );
  }

  /** A session with a few operations, and refused ones that the log tells of too, begun and ended now. */
  async record({ journal }: Process, id: string, { target = 'bank-db', subject = 'alice', operations = 3, refused = 0 } = {}, bootId = 'w1'): Promise<void> {
    const begin = { ...start(id), target, identity: { ...start(id).identity, subject } };
    const session = journal.begin(begin);
    for (let at = 1; at <= operations; at++) {
      session.operation(at, 'query', facts('reads'), allow, bytes(`select ${at} from ${id}`), null);
      session.outcome(at, ok);
    }
    for (let at = operations + 1; at <= operations + refused; at++) session.operation(at, 'query', facts('reads'), deny, bytes('drop'), null);
    session.end({ ...end, operations: operations + refused, refused, endedAt: this.wall });
    journal.commit();
    await journal.synced();
    this.store.sessions.started({ ...begin, startedAt: this.wall }, bootId);
    this.store.sessions.ended(id, { ...end, endedAt: this.wall });
    await this.store.sessions.flush();
  }

  async hold(process: Process, id: string, scope: 'session' | 'target' | 'subject', value: string): Promise<void> {
    const issuer = scope === 'subject' ? start('x').identity.issuer : null;
    await this.store.holds.add({ id, scope, value, issuer, reason: 'case', addedBy: 'carol' }, () =>
      process.audit.record('hold.add', { hold: id, scope, value, holdIssuer: issuer }),
    );
  }

  verify(): Promise<Verification> {
    return verifyAudit({ from: this.dir, keyFiles: [], checkpointFiles: [], at: this.wall });
  }

  logs(): Promise<string[]> {
    return listLogs(join(this.dir, 'log'));
  }

  async close(): Promise<void> {
    await this.store.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
