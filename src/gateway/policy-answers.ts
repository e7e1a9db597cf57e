/** Answers of this worker to questions about policies: texts from the state database, explanations, replays of the journals on this machine. */
import type { PolicyDesk } from '../api/index.js';
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { PolicyStore } from '../contract/policy-store.js';
import type { Target } from '../contract/target.js';
import { type LoadedPolicy, loadPolicy, replayClock, Simulation } from '../policy/index.js';
import { type JournalKeys, replayOperations } from '../recording/index.js';
import { protocolDescriptors } from './gateway-protocols.js';
import { readStatement } from './read-statement.js';

/** A replay gives way to sessions after this long, milliseconds. */
const SLICE_MS = 2;

export interface PolicyAnswersOptions {
  readonly current: () => LoadedPolicy;
  readonly store: PolicyStore;
  readonly target: (name: string) => Target | undefined;
  readonly journalDir: string;
  readonly keys: JournalKeys;
  readonly clock: Clock;
}

export function createPolicyAnswers(options: PolicyAnswersOptions): PolicyDesk {
  const { current, store, target, clock } = options;
  let running = false;
  return {
    text: async (digest) => {
      const found = await store.find(digest ?? current().digest);
      if (found === null) throw new GwError('policy.unknown', 'No policy with this digest, or more than one that begins so, was ever in force here.');
      return found;
    },
    explain: async (identity, place, statement, account) => {
      const facts = statement === null ? null : await readStatement(place.protocol, statement);
      const { decision, effects } = current().explain(identity, place, facts, account);
      const { issuer, subject, name, kind, groups } = identity;
      const summary = facts?.summary ?? `opens a session on ${place.name}${decision.account === undefined ? '' : ` as ${decision.account}`}`;
      return { as: { issuer, subject, name, kind, groups }, target: place.name, statement, summary, unknown: facts?.unknown ?? [], decision, effects };
    },
    check: (files) => loadPolicy(files, protocolDescriptors).digest,
    simulate: async (files, since) => {
      if (running) throw new GwError('session.limit', 'Another policy is being simulated on this gateway.');
      running = true;
      try {
        const time = replayClock();
        const simulation = new Simulation(loadPolicy(files, protocolDescriptors, { clock: time }), time, target);
        const started = clock.monotonic();
        let slice = started;
        const breathe = (): Promise<void> | null => {
          if (clock.monotonic() - slice < SLICE_MS) return null;
          return new Promise((resolve) => {
            setImmediate(() => {
              slice = clock.monotonic();
              resolve();
            });
          });
        };
        await replayOperations({ dir: options.journalDir, keys: options.keys, since, breathe }, simulation);
        return simulation.report(since, Math.round(clock.monotonic() - started));
      } finally {
        running = false;
      }
    },
  };
}
