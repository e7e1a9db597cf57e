/** Port: the texts of all policies that were ever in force, by digest. Kept for ever, because journals of any age name them. */
import type { PolicyFile, PolicyText } from './policy-types.js';

export interface PolicyStore {
  /** Keeps the text behind a digest; one that is known stays as it is. @throws GwError `store.unavailable` */
  keep(policy: { readonly digest: string; readonly canonical: string; readonly files: readonly PolicyFile[] }): Promise<void>;
  /** By the whole digest or its beginning. Null: there is none, or more than one. @throws GwError `store.unavailable` */
  find(digest: string): Promise<PolicyText | null>;
}
