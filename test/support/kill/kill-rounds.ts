/**
 * A run with kills round by round: kill under load, start again, and hold what the outside saw since the round before against the record. A round costs what
 * happened in it; `whole` reads everything again. Sums up what was found.
 */
import { type Audit, audit, type Evidence } from './audit.js';
import type { KillRun } from './run.js';

export interface Round {
  readonly evidence: Evidence;
  /** Of everything that was looked at; none: nothing is missing. */
  readonly problems: readonly string[];
  readonly found: Audit;
}

export class KillRounds {
  /** Sums of all rounds. */
  readonly checked = { rounds: 0, sent: 0, reached: 0, lost: 0, operations: 0, statements: 0, resultBytes: 0, sessions: 0, whole: 0 };
  readonly outcomes: Record<string, number> = {};
  readonly ends: Record<string, number> = {};
  readonly #run: KillRun;

  constructor(run: KillRun) {
    this.#run = run;
  }

  async round(plan: Parameters<KillRun['killAll']>[0]): Promise<Round> {
    await this.#run.killAll(plan).catch(async (cause: unknown) => {
      throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${await this.#run.state()}`, { cause });
    });
    await this.#run.start();
    const live = await this.#run.shownAsLive();
    const { evidence, logProblems } = await this.#run.evidence();
    const found = audit(evidence);
    const notIntact = await this.#run.notIntact(evidence, 3);
    const { checked } = this;
    checked.rounds++;
    for (const name of ['sent', 'reached', 'lost', 'operations', 'statements', 'resultBytes'] as const) checked[name] += found[name];
    checked.sessions += evidence.sessions.length;
    add(this.outcomes, found.outcomes);
    add(this.ends, found.ends);
    return { evidence, found, problems: [...live.map(({ id }) => `${id}: shown as live`), ...found.findings, ...logProblems, ...notIntact] };
  }

  /** What was found complete in any round is there still, and the whole log verifies with all journals. */
  async whole(): Promise<string[]> {
    const problems = [...(await this.#run.lost()), ...(await this.#run.logProblems())];
    this.checked.whole++;
    return problems;
  }
}

function add(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
}
