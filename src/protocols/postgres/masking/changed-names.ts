/**
 * Names of relations that this session changed since the catalog was read: until it is read again, nothing is known of them. What a session
 * did in a transaction no other connection sees, so a name stays in doubt until that ended and the catalog was looked at behind it. Sessions
 * of this process that share a snapshot share the doubt.
 */
import type { Effect } from '../../../contract/operation.js';
import type { Catalog } from '../catalog/catalog.js';

const CHANGING: ReadonlySet<string> = new Set(['create', 'alter', 'drop', 'rename', 'refresh']);
/** Made on a table, they leave it what it is. */
const HARMLESS: ReadonlySet<string> = new Set(['index', 'trigger', 'statistic_ext', 'sequence']);
/**
 * So do these changes of it: a column that is new to it has no meaning yet, and a table whose columns are hidden is not altered at all. What they and
 * triggers move in a table of the session is a flow or a tie (`lineage/definitions.ts`), which `session-tables.ts` follows.
 */
const HARMLESS_CHANGES: ReadonlySet<string> = new Set([
  'add_column',
  'drop_column',
  'add_constraint',
  'drop_constraint',
  'validate_constraint',
  'add_index',
  'add_index_constraint',
  'column_default',
  'set_not_null',
  'drop_not_null',
  'alter_column_type',
  'add_identity',
  'set_statistics',
  'set_storage',
  'cluster_on',
  'change_owner',
  'owner',
]);

/** The relation whose name may mean or show something else after this effect; null: none. */
export function changedName({ action, resource, facts }: Effect): string | null {
  if (!CHANGING.has(action) || resource?.type !== 'relation' || HARMLESS.has(String(facts['object']))) return null;
  const { change } = facts;
  if (action === 'alter' && Array.isArray(change) && change.every((each) => HARMLESS_CHANGES.has(String(each)))) return null;
  return resource.name.at(-1) ?? null;
}

const bySnapshot = new WeakMap<Catalog, Set<string>>();

export class ChangedNames {
  #own = new Set<string>();
  #looking = false;

  get none(): boolean {
    return this.#own.size === 0;
  }

  has(name: string, catalog: Catalog | null): boolean {
    return this.#own.has(name) || (catalog !== null && bySnapshot.get(catalog)?.has(name) === true);
  }

  steady(catalog: Catalog | null): boolean {
    return this.none && (catalog === null || !bySnapshot.has(catalog));
  }

  /** `placed`: a name that the statement gives away. */
  note(effects: readonly Effect[], placed: readonly string[], catalog: Catalog | null): void {
    const names = [...placed, ...effects.flatMap((effect) => changedName(effect) ?? [])];
    for (const name of names) {
      this.#own.add(name);
      if (catalog === null) continue;
      const shared = bySnapshot.get(catalog);
      if (shared === undefined) bySnapshot.set(catalog, new Set([name]));
      else shared.add(name);
    }
  }

  /** No transaction is open: what changed can be seen by now. */
  settle(recheck: () => Promise<void>): void {
    if (this.none || this.#looking) return;
    const settled = this.#own;
    this.#looking = true;
    void recheck().then(() => {
      this.#looking = false;
      if (this.#own === settled) this.#own = new Set();
      else for (const name of settled) this.#own.delete(name);
    });
  }
}
