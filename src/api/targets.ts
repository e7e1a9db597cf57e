/** GET /api/v1/targets — every target with the connect decision of the policy in force for the caller, and how to reach it. */
import type { TargetInfo, TargetList } from '../contract/api-types.js';
import type { Identity } from '../contract/identity.js';
import type { Target } from '../contract/target.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices, ApiSettings } from './api-services.js';
import { isReachable } from './is-reachable.js';

export function targetsRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/targets',
    audit: null,
    handle: async ({ caller }) => {
      const settings = services.settings();
      const targets = settings.targets.map((target) => describe(target, caller.identity, services, settings)).filter((target) => target !== null);
      return Promise.resolve({ targets: targets.sort((a, b) => (a.name < b.name ? -1 : 1)) } satisfies TargetList);
    },
  };
}

function describe(target: Target, identity: Identity, services: ApiServices, settings: ApiSettings): TargetInfo | null {
  const protocol = services.protocols.get(target.protocol);
  if (protocol === undefined) return null;
  const view = services.policy.current().view(identity, target);
  const decision = view.connect();
  const accounts = view.accounts();
  const reachable = isReachable(view);
  return {
    name: target.name,
    protocol: target.protocol,
    title: protocol.title,
    description: target.description,
    labels: target.labels,
    reachable,
    approval: decision.approval?.groups ?? null,
    rule: decision.rule,
    reasons: decision.reasons,
    ...(decision.hint === null ? {} : { hint: decision.hint }),
    client: protocol.client,
    serverKey: protocol.serverKey,
    database: databaseOf(target.options),
    native: reachable ? settings.nativeAddress(target.protocol) : null,
    ...(accounts.length === 0 ? {} : { accounts }),
    ...(accounts.length > 0 && view.connect(target.account).effect === 'deny' ? { ownAccount: false as const } : {}),
    ...(decision.record === undefined ? {} : { record: decision.record }),
  };
}

/** Islands that have a default name inside the target call the option `database`. */
export function databaseOf(options: unknown): string | null {
  if (typeof options !== 'object' || options === null || !('database' in options)) return null;
  return typeof options.database === 'string' ? options.database : null;
}
