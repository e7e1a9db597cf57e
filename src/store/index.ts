/** The store: state that the processes of one deployment share, on PostgreSQL. Entry point of the domain. */
export { openStore, type Store, type StoreOptions } from './open-store.js';
export type { PgBus } from './pg-bus.js';
