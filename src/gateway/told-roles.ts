/**
 * Who may administer and who may audit, as the log tells it: before the gateway takes it from its configuration, when that changes, and once a day, so that
 * the log of any period says it.
 */
import type { AuditTrail } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { GatewayConfig, RoleMembers } from '../config/index.js';

type Access = GatewayConfig['access'];

export interface ToldRoles {
  /** On disk when it resolves. @throws GwError `recording.failed` */
  tell(access: Access): Promise<void>;
  close(): void;
}

const DAY_MS = 86_400_000;
/** How often it is looked whether another day began. */
const LOOK_MS = 600_000;
/** Members of a role that are named; an entry holds 64 KiB. */
const NAMED = 100;

export interface ToldRolesOptions {
  readonly trail: Pick<AuditTrail, 'append' | 'commit' | 'synced'>;
  readonly clock: Clock;
  readonly onError: (thrown: unknown) => void;
  /** Milliseconds. Default: ten minutes. */
  readonly lookMs?: number;
}

export function startToldRoles({ trail, clock, onError, lookMs = LOOK_MS }: ToldRolesOptions): ToldRoles {
  let told: Access | null = null;
  let toldOn = 0;
  const today = (): number => Math.floor(clock.now() / DAY_MS);
  const tell = async (access: Access): Promise<void> => {
    const day = today();
    if (day === toldOn && JSON.stringify(access) === JSON.stringify(told)) return;
    const { admins, auditors } = access;
    const more = Math.max(0, sizeOf(admins) - NAMED) + Math.max(0, sizeOf(auditors) - NAMED);
    trail.append('gateway.roles', { admins: named(admins), auditors: named(auditors), more });
    trail.commit();
    await trail.synced();
    told = access;
    toldOn = day;
  };
  const timer = setInterval(() => {
    if (told !== null) tell(told).catch(onError);
  }, lookMs);
  timer.unref();
  return { tell, close: () => clearInterval(timer) };
}

const sizeOf = ({ groups, subjects }: RoleMembers): number => groups.length + subjects.length;
const named = ({ groups, subjects }: RoleMembers): readonly object[] => [...groups, ...subjects].slice(0, NAMED);
