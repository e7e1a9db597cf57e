import { it } from 'vitest';
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import { Dice } from '../redteam/dice.js';
import { startCanaryWorld } from './canary-world.js';
import { hiddenStatements } from './generate/hidden-statements.js';
import { runHiddenStatements } from './generate/run-hidden-statements.js';

it('x', async () => {
  await prepareParser();
  await using world = await startCanaryWorld();
  const statements = hiddenStatements(new Dice(Number(process.env['SEED'] ?? 1)), 6000);
  for (const who of ['ann']) {
    const t = Date.now();
    const s = await runHiddenStatements(world, who, statements);
    console.log(
      who,
      Date.now() - t,
      s.statements,
      'answered',
      s.answered,
      'refused',
      s.refused,
      'failed',
      s.failed,
      'bytes',
      s.bytes,
      'shown',
      s.shown.length,
      s.onDisk.length,
      JSON.stringify([...s.errors]),
    );
    if (who === 'ann')
      for (const l of s.shown.slice(0, 40)) console.log('LEAK', l.canaries[0], l.statement.delivery, l.statement.shape, JSON.stringify(l.statement.texts));
    else {
      const by = new Map();
      const tot = new Map();
      for (const x of statements) tot.set(x.delivery, (tot.get(x.delivery) ?? 0) + 1);
      for (const l of s.shown) by.set(l.statement.delivery, (by.get(l.statement.delivery) ?? 0) + 1);
      console.log(JSON.stringify([...tot].map(([k, v]) => [k, v, by.get(k)])));
    }
  }
}, 300_000);
