/**
 * The generator against the canary database, once: as somebody who sees nothing of the hidden columns, and as somebody who sees all of them,
 * which shows that the statements would show them. `npm run redteam` prints what it gives, and a test holds it.
 */
import { prepareParser } from '../../../src/protocols/postgres/facts/index.js';
import { Dice } from '../../redteam/dice.js';
import { startCanaryWorld } from '../canary-world.js';
import { type HiddenStatement, hiddenStatements } from './hidden-statements.js';
import { type HiddenScore, runHiddenStatements } from './run-hidden-statements.js';

export interface MaskingScore {
  readonly version: '15' | '18';
  readonly statements: readonly HiddenStatement[];
  /** What somebody got who may see nothing. */
  readonly hidden: HiddenScore;
  /** What somebody got who may see all, with every `controlOneIn`-th statement. */
  readonly control: HiddenScore;
}

export interface MaskingOptions {
  readonly version: '15' | '18';
  readonly seed: number;
  readonly count: number;
  readonly controlOneIn: number;
  /** Left out: that of the canary world. */
  readonly policy?: string;
}

export async function scoreMasking({ version, seed, count, controlOneIn, policy }: MaskingOptions): Promise<MaskingScore> {
  await prepareParser();
  await using world = await startCanaryWorld(version, policy);
  const statements = hiddenStatements(new Dice(seed), count);
  const hidden = await runHiddenStatements(world, 'ann', statements);
  const control = await runHiddenStatements(
    world,
    'vault',
    statements.filter((_, index) => index % controlOneIn === 0),
  );
  return { version, statements, hidden, control };
}

/** A score in words, and whether it is one to be content with. */
export function maskingLines({ version, hidden, control }: MaskingScore): { readonly lines: readonly string[]; readonly failed: boolean } {
  const share = Math.round((100 * control.shown.length) / Math.max(1, control.answered));
  const lines = [
    `masking (PostgreSQL ${version}): ${hidden.statements} statements, ${hidden.answered} answered, ${hidden.refused} refused, ${hidden.failed} not taken by the server`,
    `  canaries: ${hidden.shown.length} in ${hidden.bytes} bytes of answers, ${hidden.onDisk.length} on disk`,
    `  control: of ${control.answered} answers to somebody who sees clear text ${control.shown.length} held canaries (${share} %)`,
    ...hidden.shown.flatMap(({ statement, canaries }) => [
      `  SHOWN ${canaries[0] ?? ''} (${statement.delivery}, ${statement.shape})`,
      ...statement.texts.map((text) => `    ${JSON.stringify(text)}`),
    ]),
    ...hidden.onDisk.map((found) => `  ON DISK ${found}`),
  ];
  return { lines, failed: hidden.shown.length > 0 || hidden.onDisk.length > 0 || share < 50 };
}
