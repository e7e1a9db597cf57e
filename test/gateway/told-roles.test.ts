/** The log tells who has a role before the gateway takes it from its configuration, when that changes, and every day. */
import { expect, it } from 'vitest';
import { startToldRoles } from '../../src/gateway/told-roles.js';
import { eventually } from '../store/state-server.js';

const DAY = 86_400_000;
const ISSUER = 'https://issuer.example';
const groups = (...names: readonly string[]) => ({ groups: names.map((group) => ({ issuer: ISSUER, group })), subjects: [] });
const ACCESS = { admins: groups('platform'), auditors: { groups: [], subjects: [{ issuer: ISSUER, subject: 'carol' }] } };

function world() {
  const told: unknown[] = [];
  const seen = { wall: 20_000 * DAY, fails: false, failures: 0 };
  const trail = {
    append: (kind: string, data: unknown) => void told.push([kind, data]),
    commit: () => undefined,
    synced: () => (seen.fails ? Promise.reject(new Error('the disk is full')) : Promise.resolve()),
  };
  const clock = { now: () => seen.wall, monotonic: () => 0 };
  return { told, seen, roles: startToldRoles({ trail, clock, onError: () => void seen.failures++, lookMs: 1 }) };
}

it('tells them once while nothing changes, again when it does, and again on another day', async () => {
  const { told, seen, roles } = world();
  await roles.tell(ACCESS);
  await roles.tell({ ...ACCESS });
  expect(told).toEqual([['gateway.roles', { admins: [{ issuer: ISSUER, group: 'platform' }], auditors: [{ issuer: ISSUER, subject: 'carol' }], more: 0 }]]);
  await roles.tell({ ...ACCESS, admins: groups('platform', 'night-shift') });
  expect(told).toHaveLength(2);
  seen.wall += DAY;
  await eventually('they are told on the next day', () => told.length === 3);
  expect(told[2]).toEqual(told[1]);
  roles.close();
});

it('says how many it does not name, so that an entry holds them', async () => {
  const { told, roles } = world();
  await roles.tell({ admins: groups(...Array.from({ length: 130 }, (_, at) => `g${at}`)), auditors: groups() });
  expect(told).toEqual([['gateway.roles', expect.objectContaining({ more: 30, auditors: [] })]]);
  roles.close();
});

it('does not count as told what could not be written', async () => {
  const { told, seen, roles } = world();
  seen.fails = true;
  await expect(roles.tell(ACCESS)).rejects.toThrow('the disk is full');
  seen.fails = false;
  await roles.tell(ACCESS);
  expect(told).toHaveLength(2);
  seen.fails = true;
  seen.wall += DAY;
  await eventually('a failure is told', () => seen.failures > 0);
  roles.close();
});
