/**
 * What the provider remembers between requests: codes, sessions, grants, refresh tokens. In memory, because a development login that is
 * gone after a restart costs one `gw login`; entries end when they expire, and expired ones are swept so that it cannot grow for ever.
 */
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

const SWEEP_EVERY = 1_000;

/** One memory for all models of one provider. */
export function issuerMemory(): AdapterFactory {
  const entries = new Map<string, Entry>();
  let writes = 0;

  const live = (key: string): AdapterPayload | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > Date.now()) return entry.payload;
    entries.delete(key);
    return undefined;
  };
  const sweep = (): void => {
    writes++;
    if (writes % SWEEP_EVERY !== 0) return;
    for (const key of [...entries.keys()]) live(key);
  };
  const search = (model: string, matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
    for (const key of [...entries.keys()]) {
      if (!key.startsWith(`${model}:`)) continue;
      const payload = live(key);
      if (payload !== undefined && matches(payload)) return payload;
    }
    return undefined;
  };

  return (model): Adapter => ({
    upsert: async (id, payload, expiresIn) => {
      sweep();
      entries.set(`${model}:${id}`, { payload, expiresAt: expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000 });
    },
    find: async (id) => live(`${model}:${id}`),
    findByUserCode: async (userCode) => search(model, (payload) => payload.userCode === userCode),
    findByUid: async (uid) => search(model, (payload) => payload.uid === uid),
    consume: async (id) => {
      const payload = live(`${model}:${id}`);
      if (payload !== undefined) payload['consumed'] = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => {
      entries.delete(`${model}:${id}`);
    },
    revokeByGrantId: async (grantId) => {
      for (const [key, entry] of [...entries]) if (entry.payload.grantId === grantId) entries.delete(key);
    },
  });
}
