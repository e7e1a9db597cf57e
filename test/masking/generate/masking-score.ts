/**
 * The generator against the canary database, once: as somebody who sees nothing of the hidden columns, and as somebody who sees all of them,
 * which shows that the statements would show them. `npm run redteam` prints what it gives, and a test holds it.
 */
import { prepareParser } from '../../../src/protocols/postgres/facts/index.js';
import { Dice } from '../../redteam/dice.js';
import { startCanaryWorld } from '../canary-world.js';
import { type HiddenStatement, hiddenStatements } from './hidden-statements.js';
import { type HiddenScore, runHiddenStatements } from './run-hidden-statements.js';
import { type SpelledStatement, spelledStatements } from './spelled-statements.js';

export interface MaskingScore {
  readonly version: '15' | '18';
  readonly statements: readonly HiddenStatement[];
  /** What somebody got who may see nothing. */
  readonly hidden: HiddenScore;
  /** What somebody got who may see all, with every `controlOneIn`-th statement. */
  readonly control: HiddenScore;
  readonly spelled: SpelledScore;
  /** What of the canaries was on disk and in the log before anybody saw them. */
  readonly onDisk: readonly string[];
}

/** Every spelling in every way for a result to come. */
export interface SpelledScore {
  readonly hidden: HiddenScore<SpelledStatement>;
  /** Of these the search found nothing of their kind when they were shown to somebody who may see all. */
  readonly missed: readonly SpelledStatement[];
  /** Left out, with the reason. */
  readonly impossible: readonly string[];
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
  const login = (person: string) => async () => (await world.login(person)).client;
  const statements = hiddenStatements(new Dice(seed), count);
  const { statements: spelled, impossible } = spelledStatements(Number(version));
  const hidden = await runHiddenStatements(login('ann'), statements);
  const spelledHidden = await runHiddenStatements(login('ann'), spelled);
  const onDisk = await world.canariesOnDisk();
  const control = await runHiddenStatements(
    login('vault'),
    statements.filter((_, index) => index % controlOneIn === 0),
  );
  const { shown } = await runHiddenStatements(login('vault'), spelled);
  const kindsOf = new Map(shown.map(({ statement, kinds }) => [statement, kinds]));
  const missed = spelled.filter((statement) => !statement.kinds.some((kind) => kindsOf.get(statement)?.has(kind) === true));
  return { version, statements, hidden, control, spelled: { hidden: spelledHidden, missed, impossible }, onDisk };
}

/** A score in words, and whether it is one to be content with. */
export function maskingLines({ version, hidden, control, spelled, onDisk }: MaskingScore): { readonly lines: readonly string[]; readonly failed: boolean } {
  const share = Math.round((100 * control.shown.length) / Math.max(1, control.answered));
  const shown = [...hidden.shown, ...spelled.hidden.shown];
  const lines = [
    `masking (PostgreSQL ${version}): ${hidden.statements} statements, ${hidden.answered} answered, ${hidden.refused} refused, ${hidden.failed} not taken by the server`,
    `  spellings: ${spelled.hidden.statements} statements, each of them found by the search when it is shown: all but ${spelled.missed.length}`,
    `  canaries: ${shown.length} in ${hidden.bytes + spelled.hidden.bytes} bytes of answers, ${onDisk.length} on disk`,
    `  control: of ${control.answered} answers to somebody who sees clear text ${control.shown.length} held canaries (${share} %)`,
    ...shown.flatMap(({ statement, canaries }) => [
      `  SHOWN ${canaries[0] ?? ''} (${statement.delivery}, ${statement.shape})`,
      ...statement.texts.map((text) => `    ${JSON.stringify(text)}`),
    ]),
    ...spelled.missed.map(({ delivery, shape }) => `  NOT FOUND ${shape} (${delivery})`),
    ...onDisk.map((found) => `  ON DISK ${found}`),
  ];
  return { lines, failed: shown.length > 0 || onDisk.length > 0 || spelled.missed.length > 0 || share < 50 };
}
