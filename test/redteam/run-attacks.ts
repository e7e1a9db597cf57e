/**
 * Sends attacks through the gateway and keeps score. An attack is held when a step of it was refused with 42501 and nothing of the target,
 * its files or the session changed; anything else is an escape. Changes are looked for after each batch; when there is one that no
 * answer explains, the batch is sent again one by one in a world made anew, so that an escape has its statement.
 */
import type { Attack } from './generate-attacks.js';
import type { Fingerprint, RedTeamWorld } from './red-team-world.js';
import { sendStep } from './send-step.js';

const BATCH = 25;
const REFUSED = '42501';

export interface Escape {
  readonly attack: Attack;
  readonly why: string;
}

export interface ClassScore {
  readonly held: number;
  readonly escapes: readonly Escape[];
}

export async function runAttacks(world: RedTeamWorld, attacks: readonly Attack[]): Promise<ReadonlyMap<string, ClassScore>> {
  const scores = new Map<string, { held: number; escapes: Escape[] }>();
  const scoreOf = (attack: Attack): { held: number; escapes: Escape[] } => {
    const score = scores.get(attack.class.name) ?? { held: 0, escapes: [] };
    scores.set(attack.class.name, score);
    return score;
  };
  const session = await world.session();
  let before = await world.fingerprint();
  for (let at = 0; at < attacks.length; at += BATCH) {
    const batch = attacks.slice(at, at + BATCH);
    await world.clearScratch();
    for (const attack of batch) {
      const why = await send(world, attack);
      if (why === null) scoreOf(attack).held++;
      else {
        scoreOf(attack).escapes.push({ attack, why });
        await world.reconnect();
      }
    }
    const after = await world.fingerprint();
    const changed = difference(before, after);
    const became = await world.session();
    if (changed !== '' || became !== session) {
      const answered = batch.some((attack) => scoreOf(attack).escapes.some((found) => found.attack === attack));
      if (!answered)
        for (const attack of await culprits(world, batch)) scoreOf(attack).escapes.push({ attack, why: `refused, and yet changed ${changed || became}` });
      before = after;
      await world.reconnect();
    }
  }
  return scores;
}

/** Those of a batch that change something although they are refused, each tried alone in a world made anew; all of them when none does. */
async function culprits(world: RedTeamWorld, batch: readonly Attack[]): Promise<readonly Attack[]> {
  await using anew = await world.again();
  const session = await anew.session();
  const found: Attack[] = [];
  let before = await anew.fingerprint();
  for (const attack of batch) {
    await send(anew, attack);
    const after = await anew.fingerprint();
    if (difference(before, after) !== '' || (await anew.session()) !== session) {
      found.push(attack);
      await anew.reconnect();
    }
    before = after;
  }
  return found.length > 0 ? found : batch;
}

/** Null when it was refused; otherwise why not. */
async function send(world: RedTeamWorld, attack: Attack): Promise<string | null> {
  let refused = false;
  let status = 'I';
  const others: string[] = [];
  for (const step of attack.steps) {
    if (step.form === 'startup') {
      refused = await world.turnsAway(JSON.parse(step.text) as Record<string, string>);
      continue;
    }
    const answer = await sendStep(world.attacker, step);
    status = answer.status;
    if (status === 'closed') {
      await world.reconnect();
      return 'ended the session';
    }
    for (const { code, message } of answer.errors) {
      if (code === REFUSED && message.startsWith('refused by policy')) refused = true;
      else others.push(`${code} ${message}`);
    }
  }
  if (status !== 'I') await sendStep(world.attacker, { text: 'rollback', form: 'simple', values: [] });
  if (refused) return null;
  return others.length === 0 ? 'was carried out' : `was not refused by the gateway; the server said ${others.join('; ')}`;
}

function difference(before: Fingerprint, after: Fingerprint): string {
  const parts = new Set([...before.keys(), ...after.keys()]);
  return [...parts].filter((part) => before.get(part) !== after.get(part)).join(', ');
}
