/**
 * Looks for credentials in every record that a pack shows: statements, results of the sessions drawn, begins of sessions, events of the gateway. What a
 * detector knows by its form is found (access keys, JSON Web Tokens, private keys); a password looks like any other word. Pure.
 */
import type { AuditLeaf } from '../audit/index.js';
import type { RecordedOperation } from '../recording/index.js';
import { maskedValues, type StorySession } from './journal-story.js';
import type { ScanTools } from './sections/operation-sections.js';
import type { Section } from './sections/section.js';

const PLACES = ['statements', 'results', 'begins of sessions', 'events of the gateway'] as const;
type CanaryPlace = (typeof PLACES)[number];

export class Canary {
  readonly #tools: ScanTools;
  readonly #counts = new Map<CanaryPlace, { scanned: number; found: number }>();
  readonly #found: string[] = [];
  /** Sessions in which a rule let secrets be seen. */
  readonly #permitted = new Set<string>();
  #all = 0;

  constructor(tools: ScanTools) {
    this.#tools = tools;
  }

  /** Entries of the period, before any operation. */
  leaf({ kind, data }: AuditLeaf): void {
    if (kind === 'data.clear' && maskedValues(data['values']).some((each) => each.class === 'secret')) this.#permitted.add(String(data['session']));
  }

  operation({ id, start }: StorySession, { sequence, exact, delivered, parameters }: RecordedOperation): void {
    this.#scan('statements', `the statement of ${id}#${sequence}`, exact);
    if (delivered.bytes.length === 0 || this.#permitted.has(id)) return;
    this.#scan('results', `the result of ${id}#${sequence}`, this.#tools.shown(start?.protocol ?? '', delivered.bytes, parameters));
  }

  text(place: CanaryPlace, name: string, text: string): void {
    this.#scan(place, name, Buffer.from(text, 'utf8'));
  }

  /** Writes the table and the check. */
  finish(section: Section): void {
    const table = section.table(
      'canary',
      ['where', 'scanned', 'found'],
      'records that the pack shows, and access keys (AKIA…, ASIA…), JSON Web Tokens and private keys (PEM) that a detector finds in them; results: of the sessions drawn in E14, but those in which a rule let secrets be seen',
    );
    for (const place of PLACES) {
      const { scanned, found } = this.#counts.get(place) ?? { scanned: 0, found: 0 };
      table.add([place, scanned, found]);
    }
    section.check('canary', 'no record in the pack holds an access key, a token or a private key that no rule permits', this.#found, this.#all);
  }

  #scan(place: CanaryPlace, name: string, text: Buffer): void {
    const count = this.#counts.get(place) ?? { scanned: 0, found: 0 };
    this.#counts.set(place, count);
    count.scanned++;
    this.#all++;
    const found = this.#tools.secrets(text);
    count.found += found;
    if (found > 0) this.#found.push(`${name} has ${found}`);
  }
}
