/**
 * Whether a text says by itself what it means in this session: until something ran after which it does not, and as long as sessions that begin look for
 * names where this one does. A role or a database may be given another search_path, which holds for sessions that begin afterwards.
 */
import type { EngineContext } from '../../contract/protocol.js';
import type { Catalog } from './catalog/catalog.js';

export class SessionMeaning {
  readonly #context: Pick<EngineContext, 'catalog'>;
  /** By the catalog that was seen first. */
  #path: readonly string[] | null = null;
  /** By the one that was seen last. */
  #seen: readonly string[] | null = null;
  #shifted = false;

  constructor(context: Pick<EngineContext, 'catalog'>) {
    this.#context = context;
    this.#look();
  }

  get shifted(): boolean {
    this.#look();
    return this.#shifted;
  }

  shift(): void {
    this.#shifted = true;
  }

  #look(): void {
    const catalog = this.#context.catalog() as Catalog | null;
    if (catalog === null || catalog.searchPath === this.#seen) return;
    this.#seen = catalog.searchPath;
    this.#path ??= catalog.searchPath;
    if (this.#path.join('\0') !== catalog.searchPath.join('\0')) this.#shifted = true;
  }
}
