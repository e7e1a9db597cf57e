/**
 * The configuration in force in this process and what is built from it alone: targets, authenticator, certificate, keys of tokens. A reload builds all of
 * it anew and swaps it in one assignment, only when all of it is right; what cannot change while the gateway runs is named in a warning.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { type GatewayConfig, loadGatewayConfig, readEnvironment } from '../config/index.js';
import { checkClaimExpression, createAuthenticator, type TokenAuthenticator } from '../identity/index.js';
import type { TokenKeys } from '../masking/index.js';
import { createTargets, type TargetRegistry } from '../targets/index.js';
import { configProtocols } from './gateway-protocols.js';
import { loadTlsMaterial, type TlsMaterial } from './tls-material.js';
import { loadTokenKeys } from './token-keys.js';

export interface ConfigInForce {
  readonly config: GatewayConfig;
  readonly targets: TargetRegistry;
  readonly authenticator: TokenAuthenticator;
  readonly tls: TlsMaterial;
  readonly tokenKeys: TokenKeys;
}

export interface LiveConfig {
  current(): ConfigInForce;
  /** Builds what the file says now, without taking it. @throws GwError `config.invalid` */
  prepare(): Promise<ConfigInForce>;
  take(next: ConfigInForce): void;
}

/** @throws GwError `config.invalid` */
export function readGatewayConfig(file: string): Promise<{ config: GatewayConfig; warnings: readonly string[] }> {
  return loadGatewayConfig(file, { protocols: configProtocols, checkExpression: checkClaimExpression });
}

export interface LiveConfigOptions {
  readonly config: GatewayConfig;
  readonly isLocked: (issuer: string, subject: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws GwError `config.invalid` */
export async function createLiveConfig(options: LiveConfigOptions): Promise<LiveConfig> {
  const { isLocked, clock, logger } = options;
  const build = async (config: GatewayConfig): Promise<ConfigInForce> => ({
    config,
    targets: createTargets(config.targets, { environment: readEnvironment }),
    authenticator: createAuthenticator({ issuers: config.identity.issuers, clockSkewMs: config.identity.clockSkewMs, clock, isLocked }),
    tls: await loadTlsMaterial(config.gateway.tls),
    tokenKeys: await loadTokenKeys(config, clock.now()),
  });
  let current = await build(options.config);
  return {
    current: () => current,
    prepare: async () => {
      const { config, warnings } = await readGatewayConfig(current.config.file);
      for (const warning of warnings) logger.warn({}, warning);
      return build(config);
    },
    take: (next) => {
      for (const part of fixedParts(current.config, next.config)) {
        logger.warn({ part }, 'this part of the configuration changed, but takes effect only when the gateway is started again');
      }
      current = next;
    },
  };
}

/** What is bound to the life of the process. */
function fixedParts(before: GatewayConfig, after: GatewayConfig): string[] {
  const parts: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
    'gateway.name': ({ gateway }) => gateway.name,
    'gateway.listen': ({ gateway }) => gateway.listen,
    'gateway.native': ({ gateway }) => gateway.native,
    'gateway.workers': ({ gateway }) => gateway.workers,
    'gateway.dataDir': ({ gateway }) => gateway.dataDir,
    state: ({ state }) => state,
    recording: ({ recording }) => recording,
  };
  return Object.keys(parts).filter((part) => JSON.stringify(parts[part]?.(before)) !== JSON.stringify(parts[part]?.(after)));
}
