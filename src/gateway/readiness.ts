/** Whether this process should get traffic: every check by name, for /readyz and for people. No check waits long. */
import type { Readiness } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';

export interface ReadinessSources {
  readonly journal: { readonly healthy: boolean };
  readonly store: { ping(): Promise<void>; readonly saturated: boolean; readonly busConnected: boolean };
  readonly policy: { readonly digest: string | null };
  readonly sinks: { status(): Promise<readonly { readonly state: string }[]> };
  readonly draining: () => boolean;
}

const PING_MS = 2_000;

export async function checkReadiness(sources: ReadinessSources): Promise<Readiness> {
  const checks = {
    journal: check(sources.journal.healthy, 'the journal cannot be written; operations are refused'),
    store: await checkStore(sources.store),
    bus: check(sources.store.busConnected, 'events of other processes do not arrive at the moment'),
    policy: check(sources.policy.digest !== null, 'no policy is loaded'),
    accepting: check(!sources.draining(), 'the gateway is shutting down'),
  };
  const ready = Object.values(checks).every(({ ok }) => ok);
  // What sinks wait for is kept in the log: sessions do not wait for them.
  return { ready, checks: { ...checks, sinks: await checkSinks(sources.sinks) } };
}

async function checkSinks(sinks: ReadinessSources['sinks']): Promise<{ ok: boolean; message: string | null }> {
  try {
    const late = (await sinks.status()).filter(({ state }) => state !== 'ok').length;
    return check(late === 0, `entries of the audit log wait for ${late === 1 ? 'a sink' : `${late} sinks`}`);
  } catch (thrown) {
    return { ok: false, message: GwError.from(thrown).message };
  }
}

const check = (ok: boolean, message: string): { ok: boolean; message: string | null } => ({ ok, message: ok ? null : message });

async function checkStore(store: ReadinessSources['store']): Promise<{ ok: boolean; message: string | null }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('the state database does not answer'), PING_MS);
  });
  const ping = store.ping().then(
    () => null,
    (thrown: unknown) => GwError.from(thrown).message,
  );
  const problem = await Promise.race([ping, late]);
  clearTimeout(timer);
  if (problem !== null) return { ok: false, message: problem };
  return check(!store.saturated, 'too many session rows wait for the state database');
}
