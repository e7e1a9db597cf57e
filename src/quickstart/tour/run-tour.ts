/** Plays the steps in order and prints each as it happens. Stops at the first that did not hold: the following ones build on it. */
import pg from 'pg';
import { paintErr, say, visibleLines } from '../../cli/terminal.js';
import type { World } from '../start-quickstart.js';
import { openTourShell } from './tour-shell.js';
import type { TourContext, TourOutcome, TourStep } from './tour-step.js';
import { TOUR_STEPS } from './tour-steps.js';

/** True when everything held. */
export async function runTour(world: World, packageRoot: string, signal: AbortSignal): Promise<boolean> {
  const shell = await openTourShell(packageRoot, world.gateway, world.caFile);
  const stop = (): void => void shell.close();
  signal.addEventListener('abort', stop);
  const client = new pg.Client({ connectionString: world.bank.directUrl.expose() });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const direct = async (sql: string): Promise<string> => String(Object.values((await client.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0]);
    const context: TourContext = { world, shell, direct, notes: new Map([['entries', await direct('select count(*) from ledger.entries')]]) };
    const steps = TOUR_STEPS.filter(({ possible }) => possible?.(world) ?? true);
    if ('leftOut' in world.web) say(paintErr.dim(`Without web-1: ${world.web.leftOut}.`));
    for (const [index, step] of steps.entries()) {
      if (signal.aborted) return false;
      say('');
      say(`${paintErr.bold(`${index + 1}. ${step.who}`)}  ${step.title}`);
      say(`   ${paintErr.dim(step.why)}`);
      const { said, problem } = await played(step, context);
      for (const line of visibleLines(said).split('\n').slice(0, 30)) say(`   ${paintErr.dim('│')} ${line}`);
      say(problem === null ? `   ${paintErr.green('✓')} as it should be` : `   ${paintErr.red('✗')} ${problem}`);
      if (problem !== null) return false;
    }
    say('');
    say(paintErr.green(`All ${steps.length} steps held.`));
    return true;
  } finally {
    signal.removeEventListener('abort', stop);
    await client.end();
    await shell.close();
  }
}

/** A step that could not even be played did not hold. */
async function played(step: TourStep, context: TourContext): Promise<TourOutcome> {
  try {
    return await step.run(context);
  } catch (cause) {
    return { said: '', problem: cause instanceof Error ? cause.message : 'it could not be played' };
  }
}
