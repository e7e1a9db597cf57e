/**
 * The policy in force, as one source for the whole life of the process: when a reload changes which files are meant, the source behind it
 * is replaced. Every change and every refusal of a policy is an audit event, and the text of every policy in force is kept.
 */
import type { AuditLog } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { GatewayConfig } from '../config/index.js';
import type { PolicyStore } from '../contract/policy-store.js';
import { createPolicySource, type LoadedPolicy, type ReloadablePolicySource } from '../policy/index.js';
import { protocolDescriptors } from './gateway-protocols.js';
import { KeptPolicies } from './kept-policies.js';

export interface LivePolicy {
  current(): LoadedPolicy;
  readonly digest: string;
  /** Reads what `config` names. @throws GwError `policy.invalid`: then the policy before stays in force. */
  reload(config: GatewayConfig): Promise<void>;
  close(): Promise<void>;
}

export interface LivePolicyOptions {
  readonly config: GatewayConfig;
  readonly audit: AuditLog;
  readonly policies: PolicyStore;
  readonly worker: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws GwError `policy.invalid` | `store.unavailable`: nothing is decided by a policy whose text is not kept */
export async function createLivePolicy(options: LivePolicyOptions): Promise<LivePolicy> {
  const { audit, worker, clock, logger } = options;
  const gateway = options.config.gateway.name;
  const kept = new KeptPolicies(options.policies, logger);
  const written = (recorded: Promise<void>): void => {
    recorded.catch((err: unknown) => logger.error({ err }, 'a policy event could not be written to the journal'));
  };
  const open = (config: GatewayConfig): Promise<ReloadablePolicySource> =>
    createPolicySource({
      paths: config.policy.patterns,
      baseDir: config.directory,
      protocols: protocolDescriptors,
      logger,
      clock,
      onChange: (current, previous) => {
        kept.keepInTime(current);
        written(audit.record('policy.change', { gateway, worker, before: previous.digest, after: current.digest }));
      },
      onError: (error) => written(audit.record('policy.rejected', { gateway, worker, problem: error.message })),
    });
  const place = (config: GatewayConfig): string => JSON.stringify([config.directory, config.policy.patterns]);

  let source = await open(options.config);
  await kept.keep(source.current());
  let meant = place(options.config);
  return {
    current: () => source.current(),
    get digest() {
      return source.current().digest;
    },
    reload: async (config) => {
      if (place(config) === meant) {
        if ((await source.reload()) === 'failed' && source.lastError !== null) throw source.lastError;
        return;
      }
      const next = await open(config);
      const before = source;
      source = next;
      meant = place(config);
      kept.keepInTime(next.current());
      written(audit.record('policy.change', { gateway, worker, before: before.current().digest, after: next.current().digest }));
      await before[Symbol.asyncDispose]();
    },
    close: async () => {
      await source[Symbol.asyncDispose]();
      await kept.close();
    },
  };
}
