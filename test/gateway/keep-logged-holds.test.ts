/** A hold that is in the audit log, and in the state database not: it is seen, keeps what it covers, and can be released. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hold, HoldStore } from '../../src/contract/record-keeping.js';
import { keepLoggedHolds } from '../../src/gateway/keep-logged-holds.js';
import { createRecordEraser } from '../../src/gateway/record-eraser.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { DAY, type Process, RetentionWorld } from './retention-world.js';

let server: StateServer;
beforeAll(async () => void (server = await startStateServer()));
afterAll(() => server?.close());

const HELD = { id: 'hld_1', scope: 'session', value: 'ses_1', issuer: null, reason: 'case', addedBy: 'carol' } as const;

const holdsOf = (world: RetentionWorld): HoldStore => keepLoggedHolds(world.store.holds, () => world.logs(), world.clock);

/** The connection is lost between the entry and the row. */
async function addAndFail(world: RetentionWorld, holds: HoldStore, process: Process): Promise<void> {
  const adding = holds.add(HELD, async () => {
    await process.audit.record('hold.add', { actorSubject: 'carol', hold: HELD.id, scope: HELD.scope, value: HELD.value, holdIssuer: null });
    await server.dropConnections();
  });
  await expect(adding).rejects.toMatchObject({ code: 'store.unavailable' });
  expect(await world.store.holds.find(HELD.id), 'it is in the log alone').toBeNull();
}

const release = async (holds: HoldStore, process: Process): Promise<Hold | null> => {
  await process.audit.record('hold.release', { hold: HELD.id, scope: HELD.scope, value: HELD.value, holdIssuer: null });
  return holds.release(HELD.id, 'dave', 'closed');
};

async function erase(world: RetentionWorld, holds: HoldStore, process: Process): Promise<void> {
  const session = await world.store.sessions.find('ses_1');
  if (session === null) throw new Error('there is no session');
  const { id, target, issuer, subject } = session;
  const eraser = createRecordEraser({ journalDir: world.journalDir, holds, contents: world.store.contents });
  await eraser(session, () => process.audit.record('session.erase', { session: id, target, sessionIssuer: issuer, sessionSubject: subject }));
}

describe('a hold of which the row could not be written', () => {
  it.each([
    ['in the process that placed it', false],
    ['in the next one', true],
  ] as const)('%s is seen, keeps its session, and is released', async (_what, later) => {
    const world = await RetentionWorld.open(server);
    const check = async (holds: HoldStore, process: Process): Promise<void> => {
      await expect(erase(world, holds, process)).rejects.toMatchObject({ code: 'record.held' });
      expect(await holds.list(false)).toMatchObject([{ id: HELD.id, scope: 'session', value: 'ses_1', addedBy: 'carol' }]);
      expect(await release(holds, process)).toMatchObject({ releasedBy: 'dave' });
      await erase(world, holds, process);
    };
    try {
      await world.run('w1', async (process) => {
        await world.record(process, 'ses_1');
        const holds = holdsOf(world);
        await addAndFail(world, holds, process);
        if (!later) await check(holds, process);
      });
      if (later) await world.run('w2', (process) => check(holdsOf(world), process));
      // What was released does not come back.
      const again = holdsOf(world);
      expect(await again.list(false)).toEqual([]);
      expect((await world.verify()).problems).toEqual([]);
    } finally {
      await world.close();
    }
  });

  it('is taken into the database by a pass of retention', async () => {
    const world = await RetentionWorld.open(server);
    try {
      await world.run('w1', async (process) => {
        await world.record(process, 'ses_1');
        await addAndFail(world, holdsOf(world), process);
      });
      await world.run('w2', async (process) => {
        world.pass(100 * DAY);
        expect(await process.engine.run(false)).toMatchObject({ held: 1 });
        expect(await world.store.holds.find(HELD.id)).toMatchObject({ scope: 'session', releasedAt: null });
        expect(await release(holdsOf(world), process)).toMatchObject({ releasedBy: 'dave' });
      });
    } finally {
      await world.close();
    }
  });
});
