/** Desks of several gateways over one real store, as they run in a deployment: each with a pool and a bus of its own. */
import { ApprovalDesk } from '../../src/approval/index.js';
import { silentLogger } from '../../src/base/logger.js';
import type { AbandonReason, ApprovalAnswer, ApprovalQuestion, ApprovalRecord } from '../../src/contract/approval.js';
import { openStore, type Store } from '../../src/store/index.js';
import { type TestClock, testClock } from '../identity/test-issuer.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { identity, POLICY } from './fixture.js';

export interface DeskWorld {
  readonly desks: readonly ApprovalDesk[];
  readonly stores: readonly Store[];
  readonly server: StateServer;
  readonly clock: TestClock;
  readonly audit: { readonly kind: string; readonly approval: string }[];
  readonly changes: { readonly before: ApprovalRecord | null; readonly after: ApprovalRecord }[];
  readonly locked: Set<string>;
  policy: string;
  close(): Promise<void>;
}

export async function startDeskWorld(count = 2): Promise<DeskWorld> {
  const server = await startStateServer();
  const url = await server.database();
  const clock = testClock();
  const stores: Store[] = [];
  for (let i = 0; i < count; i++) stores.push(await openStore({ url, logger: silentLogger }));
  const world = { server, clock, stores, audit: [] as DeskWorld['audit'], changes: [] as DeskWorld['changes'], locked: new Set<string>(), policy: POLICY };
  const desks = stores.map(
    (store) =>
      new ApprovalDesk({
        store: store.approvals,
        bus: store.bus,
        clock,
        logger: silentLogger,
        audit: { record: (kind, { approval }) => Promise.resolve(void world.audit.push({ kind, approval })) },
        policy: () => world.policy,
        isLocked: (_issuer, subject) => Promise.resolve(world.locked.has(subject)),
        emailOf: (_issuer, subject) => Promise.resolve(`${subject.replace('sub-', '')}@bank.test`),
        notify: (before, after) => void world.changes.push({ before, after }),
      }),
  );
  return Object.assign(world, {
    desks,
    close: async () => {
      for (const desk of desks) desk.close();
      await Promise.all(stores.map((store) => store.close()));
      await server.close();
    },
  });
}

export interface Asked {
  /** The request, once it is stored. */
  readonly held: Promise<ApprovalRecord>;
  readonly answer: Promise<ApprovalAnswer>;
  readonly progress: ApprovalRecord[];
  abandon(reason: AbandonReason): void;
}

export function ask(desk: ApprovalDesk, question: ApprovalQuestion): Asked {
  const abort = new AbortController();
  const progress: ApprovalRecord[] = [];
  let told: (record: ApprovalRecord) => void = () => undefined;
  const held = new Promise<ApprovalRecord>((resolve) => {
    told = resolve;
  });
  const answer = desk.door.ask(question, { held: told, progress: (record) => void progress.push(record) }, abort.signal);
  answer.catch(() => undefined);
  return { held, answer, progress, abandon: (reason) => abort.abort(reason) };
}

export const reviewer = (name: string, change: Parameters<typeof identity>[1] = {}) => ({ identity: identity(name, change), groups: ['dba'] });

export const approveAs = (desk: ApprovalDesk, record: ApprovalRecord, name: string): Promise<ApprovalRecord> =>
  desk.approve(record.id, reviewer(name), { digest: record.digest, confirm: null, reason: null });
