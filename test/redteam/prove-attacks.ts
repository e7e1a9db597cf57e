/**
 * Shows that attacks are real: without the gateway, in a transaction that is rolled back, each runs without an error and, where its class
 * says so, changes the target. An attack that could not do any harm would be refused for nothing.
 */
import type { Attack } from './generate-attacks.js';
import type { RedTeamWorld } from './red-team-world.js';
import { sendStep } from './send-step.js';

const simply = (text: string) => ({ text, form: 'simple', values: [] }) as const;

/** Why the attack is none, or null when its harm was seen. */
export async function proveAttack(world: RedTeamWorld, attack: Attack): Promise<string | null> {
  const before = JSON.stringify([...(await world.fingerprint())]);
  let failure: string | null = null;
  await sendStep(world.owner, simply('begin'));
  for (const step of attack.steps) {
    const { errors } = await sendStep(world.owner, { ...step, form: step.values.length > 0 ? 'extended' : 'simple' });
    failure ??= errors[0] === undefined ? null : `${errors[0].code} ${errors[0].message}`;
  }
  if (failure === null && attack.class.effect === 'state' && JSON.stringify([...(await world.fingerprint())]) === before) failure = 'changed nothing';
  await sendStep(world.owner, simply('rollback'));
  await sendStep(world.owner, simply('deallocate all'));
  await sendStep(world.owner, simply('reset all'));
  return failure;
}
