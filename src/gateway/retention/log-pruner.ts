/**
 * Prunes logs of this gateway: the one that this process writes, and those that nobody writes. Each announces it in the log itself, under a checkpoint,
 * before a file goes. No hold can be placed from the last look until the files are gone.
 */
import { type AuditTrail, newestEntry, type PrunePlan, planPruning, pruneLog, removePruned } from '../../audit/index.js';
import type { HoldStore } from '../../contract/record-keeping.js';
import type { RetentionRules } from '../../contract/retention.js';
import { listLogs, logDirectory } from '../open-audit-trail.js';
import { type PruneSources, pruneLimits } from './prune-limits.js';

export type PruningTrail = Pick<AuditTrail, 'append' | 'commit' | 'synced' | 'catchUp' | 'announcePruning' | 'directory'>;

export interface LogPrunerOptions extends PruneSources {
  readonly trail: PruningTrail;
  readonly holds: Pick<HoldStore, 'list' | 'unlessHeld'>;
  /** Opens logs that nobody writes and that are `wanted`, has something done with each, and closes it again. */
  readonly idleLogs: (wanted: (directory: string) => Promise<boolean>, act: (trail: PruningTrail) => Promise<void>) => Promise<void>;
}

export interface PrunePass {
  readonly rules: RetentionRules;
  /** Milliseconds since the epoch. */
  readonly known: number;
  readonly dryRun: boolean;
}

/** Nobody's record: of a hold only the lock is wanted, so that none is placed meanwhile. */
const NOBODY = { session: '', target: '', issuer: '', subject: '' };

export class LogPruner {
  readonly #options: LogPrunerOptions;
  /** Logs in which a deletion that was stopped was ended by this process. */
  readonly #tidy = new Set<string>();

  constructor(options: LogPrunerOptions) {
    this.#options = options;
  }

  /** The log that this process writes. @returns how many entries went, or would go */
  async pruneOwn(pass: PrunePass): Promise<number> {
    const { trail } = this.#options;
    if (!pass.dryRun) await this.#tidyUp(trail.directory);
    return this.#prune(trail.directory, pass, () => Promise.resolve(trail));
  }

  /**
   * Logs that nobody writes. One that is silent for as long as entries are kept says again how far the others are: they keep what it saw last.
   * @returns how many entries went. A dry run does not look: whether nobody writes a log is known only by holding it
   */
  async pruneIdle(pass: PrunePass): Promise<number> {
    const { idleLogs, trail } = this.#options;
    // Whoever looks at a log holds it for that long, and a worker that starts meanwhile takes another place: so nobody looks without a reason.
    if (pass.dryRun || keepMs(pass) === null) return 0;
    let total = 0;
    const wanted = async (directory: string): Promise<boolean> => {
      if (directory === trail.directory) return false;
      await this.#tidyUp(directory);
      return (await this.#plan(directory, pass)) !== null || (await this.#isSilent(directory, pass));
    };
    await idleLogs(wanted, async (opened) => {
      total += await this.#prune(opened.directory, pass, () => Promise.resolve(opened));
    });
    return total;
  }

  async #prune(directory: string, pass: PrunePass, open: () => Promise<PruningTrail>): Promise<number> {
    const plan = await this.#plan(directory, pass);
    if (plan === null || pass.dryRun) return entriesOf(plan);
    return this.#options.holds.unlessHeld(NOBODY, async () => {
      const settled = await this.#plan(directory, pass);
      if (settled === null) return 0;
      await pruneLog(directory, settled.announced ?? (await announce(await open(), settled, pass)));
      return entriesOf(settled);
    });
  }

  async #plan(directory: string, pass: PrunePass): Promise<PrunePlan | null> {
    const keep = keepMs(pass);
    if (keep === null) return null;
    const limits = await pruneLimits(directory, { keepMs: keep, known: pass.known, few: directory !== this.#options.trail.directory }, this.#options);
    return planPruning(directory, await listLogs(logDirectory(this.#options.dataDir)), limits);
  }

  /** Ends a deletion that was stopped, whatever the rules are now: the log said it. */
  async #tidyUp(directory: string): Promise<void> {
    if (this.#tidy.has(directory)) return;
    await removePruned(directory);
    this.#tidy.add(directory);
  }

  async #isSilent(directory: string, pass: PrunePass): Promise<boolean> {
    const newest = await newestEntry(directory);
    return newest !== null && Date.parse(newest.time) + (keepMs(pass) ?? Number.POSITIVE_INFINITY) <= pass.known;
  }
}

const keepMs = ({ rules }: PrunePass): number | null => rules.log ?? null;

const entriesOf = (plan: PrunePlan | null): number => (plan === null ? 0 : plan.first - plan.from);

/** The rules stand before it, in the same log: the verifier judges each log by its own. */
async function announce(trail: PruningTrail, { first, holds }: PrunePlan, { rules, known }: PrunePass): Promise<number> {
  const { recordings, approvals, index, targets, log = null } = rules;
  trail.append('retention.rules', { recordings, approvals, index, log, targets });
  return trail.announcePruning({ first, keepMs: log, knownTime: new Date(known).toISOString(), holds });
}
