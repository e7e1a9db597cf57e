/**
 * Sessions of which the recording is over by a period, out of the audit log: its times never go back, so a session that is recorded with a wrong clock is not ended
 * early by it. Goes on at each call from where the last one ended.
 */
import { type AuditLeaf, LogSweep } from '../../audit/index.js';

export interface EndedSession {
  readonly session: string;
  readonly journal: string;
  /** In its journal; null: the log does not say it. */
  readonly number: number | null;
  readonly target: string;
  readonly issuer: string;
  readonly subject: string;
  /** Time of the entry that told its end, milliseconds since the epoch. */
  readonly endedAt: number;
}

export class EndedSessions {
  readonly #sweep = new LogSweep();
  readonly #open = new Map<string, EndedSession>();

  /** Those that ended up to `time`, each once. */
  async until(directories: readonly string[], time: number): Promise<EndedSession[]> {
    const ended: EndedSession[] = [];
    const recovered: AuditLeaf[] = [];
    for await (const leaf of this.#sweep.until(directories, time)) {
      const id = String(leaf.data['session']);
      if (leaf.kind === 'session.start') this.#open.set(id, begun(leaf, id));
      else if (leaf.kind === 'session.recovered') recovered.push(leaf);
      else if (leaf.kind === 'session.end') {
        const session = this.#open.get(id);
        this.#open.delete(id);
        if (session !== undefined) ended.push({ ...session, endedAt: Date.parse(leaf.time) });
      }
    }
    // The beginning may stand in a log that is read after the one that tells the recovery.
    for (const { data, time: at } of recovered) {
      const id = String(data['session']);
      const session = this.#open.get(id);
      this.#open.delete(id);
      const told = { session: id, journal: String(data['journalOfSession']), number: null, target: String(data['target']) };
      ended.push({ ...told, issuer: String(data['issuer']), subject: String(data['subject']), ...session, endedAt: Date.parse(at) });
    }
    return ended;
  }
}

function begun({ data, journal }: AuditLeaf, session: string): EndedSession {
  const { number, target, issuer, subject } = data;
  return { session, journal, number: Number(number), target: String(target), issuer: String(issuer), subject: String(subject), endedAt: 0 };
}
