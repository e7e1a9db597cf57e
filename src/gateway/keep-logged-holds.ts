/**
 * The holds of the state database, and those that only the audit log has: the database failed, or the gateway was killed, between the entry of the log and the
 * row, or the database is an older copy. They are taken into the database before anybody looks, so that each can be seen and released, and none is
 * passed over.
 */
import type { Clock } from '../base/clock.js';
import type { AdoptedHold, HoldStore } from '../contract/record-keeping.js';
import { LoggedHolds } from './retention/logged-holds.js';

/** @param directories of all logs of this gateway. What looks for holds throws `audit.invalid` when a log cannot be read */
export function keepLoggedHolds(store: HoldStore, directories: () => Promise<readonly string[]>, clock: Clock): HoldStore {
  const logged = new LoggedHolds();
  /** In the log by this process, perhaps not under a checkpoint yet, and not in the database. */
  const unplaced = new Map<string, AdoptedHold>();
  const settle = async (): Promise<void> => {
    await logged.read(await directories());
    const holds = [...unplaced.values(), ...logged.inForce()];
    await store.adopt(holds);
    for (const { id } of holds) unplaced.delete(id);
  };
  return {
    add: async (hold, record) => {
      const added = await store.add(hold, async () => {
        await record();
        unplaced.set(hold.id, { ...hold, addedAt: new Date(clock.now()).toISOString() });
      });
      unplaced.delete(hold.id);
      return added;
    },
    adopt: (holds) => store.adopt(holds),
    release: (id, by, reason) => store.release(id, by, reason),
    find: async (id) => {
      const found = await store.find(id);
      if (found !== null) return found;
      await settle();
      return store.find(id);
    },
    list: async (all) => {
      await settle();
      return store.list(all);
    },
    covering: async (record) => {
      await settle();
      return store.covering(record);
    },
    unlessHeld: async (record, act) => {
      await settle();
      return store.unlessHeld(record, act);
    },
  };
}
