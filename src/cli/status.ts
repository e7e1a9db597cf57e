/** The state of things for `gw status` and for `gw` alone: gateway, reachability, who. Every part may be missing; none of it throws. */
import type { SessionSummary, TargetInfo, WhoAmI } from '../contract/api-types.js';
import { type ErrorBody, GwError } from '../contract/gw-error.js';
import { openReach, type Reach, tryConnection } from './connection.js';
import type { Environment } from './environment.js';
import type { Settings } from './profile/settings.js';

/** As whom a target can be opened, or asked for. */
export interface TargetAccounts {
  readonly name: string;
  /** The account of the gateway's configuration may be it. */
  readonly own: boolean;
  /** Others. */
  readonly accounts: readonly string[];
}

export interface Status {
  readonly gateway: string | null;
  readonly context: string | null;
  readonly reachable: boolean | null;
  readonly version: string | null;
  readonly login: (WhoAmI & { readonly origin: string }) | null;
  /** Targets within reach; null: they were not asked for, or could not be. */
  readonly targets: readonly TargetAccounts[] | null;
  /** Why there is no login, or why the gateway cannot be reached. */
  readonly problem: ErrorBody['error'] | null;
}

export interface StatusReport {
  readonly status: Status;
  /** Live sessions of this identity; empty when they could not be asked for. */
  readonly sessions: readonly SessionSummary[];
  /** Requests that wait for the approval of this identity; 0 when they could not be asked for. */
  readonly waiting: number;
  readonly exit: number;
}

const NOTHING: Status = { gateway: null, context: null, reachable: null, version: null, login: null, targets: null, problem: null };

function problemOf(thrown: unknown): { readonly problem: ErrorBody['error']; readonly exit: number } {
  const error = GwError.from(thrown);
  return { problem: error.toBody().error, exit: error.entry.exit };
}

/** What else than the login is asked for: each costs a request or two. */
export type StatusWish = 'accounts' | 'sessions' | null;

async function ask(reach: Reach, base: Status, wish: StatusWish): Promise<StatusReport> {
  const { version } = await reach.client.loginInfo();
  let status: Status = { ...base, reachable: true, version };
  try {
    const connection = await tryConnection(reach);
    if (connection === null) {
      const { problem, exit } = problemOf(new GwError('login.required', `There is no login for ${reach.gateway.origin}.`));
      return { status: { ...status, problem }, sessions: [], waiting: 0, exit };
    }
    const { client, source } = connection;
    const who = await client.whoAmI();
    status = { ...status, login: { ...who, origin: source.origin } };
    if (wish === 'accounts') status = { ...status, targets: (await client.targets()).filter(({ reachable }) => reachable).map(accountsAt) };
    const sessions = wish === 'sessions' ? (await client.sessions({ state: 'live', limit: 100 })).sessions : [];
    const waiting = wish === 'sessions' ? (await client.requests({ for: 'me', limit: 100 })).requests.length : 0;
    const own = sessions.filter((session) => session.issuer === who.issuer && session.subject === who.subject);
    return { status, sessions: own, waiting, exit: 0 };
  } catch (thrown) {
    const { problem, exit } = problemOf(thrown);
    return { status: { ...status, problem }, sessions: [], waiting: 0, exit };
  }
}

const accountsAt = ({ name, ownAccount, accounts }: TargetInfo): TargetAccounts => ({ name, own: ownAccount !== false, accounts: accounts ?? [] });

export async function readStatus(settings: Settings, environment: Environment, userAgent: string, wish: StatusWish): Promise<StatusReport> {
  if (settings.gateway === null) {
    const { problem } = problemOf(new GwError('login.required', 'No gateway is known yet.', { hint: 'Run `gw login --gateway https://HOST:PORT`.' }));
    return { status: { ...NOTHING, problem }, sessions: [], waiting: 0, exit: 4 };
  }
  const base: Status = { ...NOTHING, gateway: settings.gateway.value.origin, context: settings.context?.value ?? null };
  try {
    const reach = openReach(settings, environment, userAgent);
    try {
      return await ask(reach, base, wish);
    } finally {
      reach.transport.close();
    }
  } catch (thrown) {
    const { problem, exit } = problemOf(thrown);
    return { status: { ...base, reachable: false, problem }, sessions: [], waiting: 0, exit };
  }
}

/** The gateway's version, or null when it cannot be asked; needs no login. */
export async function readGatewayVersion(settings: Settings, environment: Environment, userAgent: string): Promise<string | null> {
  if (settings.gateway === null) return null;
  const reach = openReach(settings, environment, userAgent);
  try {
    return (await reach.client.loginInfo()).version;
  } catch (thrown) {
    // Not being there is a state that `gw version` reports, as "unknown"; everything else is a mistake to show.
    if (GwError.from(thrown).entry.kind === 'upstream') return null;
    throw thrown;
  } finally {
    reach.transport.close();
  }
}
