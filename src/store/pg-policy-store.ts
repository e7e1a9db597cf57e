/** The texts of policies in PostgreSQL. Rows are inserted and never changed: what a digest names cannot be replaced afterwards. */
import type { Pool } from 'pg';
import type { PolicyStore } from '../contract/policy-store.js';
import type { PolicyFile, PolicyText } from '../contract/policy-types.js';
import { storable } from './storable-text.js';
import { storeError } from './store-error.js';

interface PolicyRow {
  readonly digest: string;
  readonly canonical: string;
  readonly files: string;
  readonly since: Date;
}

export class PgPolicyStore implements PolicyStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async keep({ digest, canonical, files }: Parameters<PolicyStore['keep']>[0]): Promise<void> {
    // Files as JSON text, in which no character is one that PostgreSQL cannot hold.
    const text = JSON.stringify(files.map(({ path, text: content }) => ({ path, text: content })));
    await this.#query('gw_policy_keep', 'insert into gw.policies (digest, canonical, files) values ($1, $2, $3) on conflict (digest) do nothing', [
      digest,
      canonical,
      text,
    ]);
  }

  async find(digest: string): Promise<PolicyText | null> {
    const wanted = storable(digest.startsWith('sha256:') ? digest : `sha256:${digest}`);
    const rows = await this.#query<PolicyRow>(
      'gw_policy_find',
      'select digest, canonical, files, since from gw.policies where pg_catalog.starts_with(digest, $1) order by digest limit 2',
      [wanted],
    );
    const [row] = rows;
    if (row === undefined || rows.length > 1) return null;
    return { digest: row.digest, since: row.since.toISOString(), files: JSON.parse(row.files) as PolicyFile[], canonical: row.canonical };
  }

  async #query<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>({ name, text, values })).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}
