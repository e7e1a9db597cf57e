/** Validates a configuration and all that it names (policy files, certificate), as `gw gateway check` and an administrator's CI want it. */
import { checkGatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import { checkClaimExpression } from '../identity/index.js';
import { loadPolicyFiles } from '../policy/index.js';
import { configProtocols, protocolDescriptors } from './gateway-protocols.js';
import { loadTlsMaterial } from './tls-material.js';

export interface GatewayCheck {
  /** `file:line:col …`; empty when the gateway would start. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** What the files say; null when there are errors. */
  readonly summary: {
    readonly gateway: string;
    readonly targets: number;
    readonly issuers: number;
    readonly policy: string;
    readonly rules: number;
  } | null;
}

/** Never throws for what is in the files; reads no secret and opens no connection. */
export async function checkGateway(file: string): Promise<GatewayCheck> {
  const { config, errors, warnings } = await checkGatewayConfig(file, { protocols: configProtocols, checkExpression: checkClaimExpression });
  if (config === null) return { errors, warnings, summary: null };
  const found: string[] = [];
  const collect = (thrown: unknown): null => {
    const error = GwError.from(thrown);
    if (error.entry.kind !== 'usage') throw error;
    found.push(...error.message.split('\n'));
    return null;
  };
  const policy = await loadPolicyFiles(config.policy.patterns, config.directory, protocolDescriptors).catch(collect);
  await loadTlsMaterial(config.gateway.tls).catch(collect);
  if (policy === null || found.length > 0) return { errors: found, warnings, summary: null };
  const { gateway, targets, identity } = config;
  return {
    errors: [],
    warnings,
    summary: { gateway: gateway.name, targets: targets.length, issuers: identity.issuers.length, policy: policy.digest, rules: policy.rules.length },
  };
}
