/** A PostgreSQL target's `options` in gateway.yaml, validated with the path of what is wrong. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { GwError } from '../../contract/gw-error.js';

/** Not the fields of a StartupMessage that are no settings: they would change who logs in where. */
const SETTING = /^(?!(?:user|database|replication|options|_pq_\..*)$)[a-z_][a-z0-9_.]*$/;

const schema = z.strictObject({
  database: z.string().min(1).max(63).optional().describe('Database that sessions reach. Default: the name of the login user, as in PostgreSQL.'),
  databases: z.array(z.string().min(1).max(63)).default([]).describe('Further databases of the same server that a client may name; `*` lets it name any.'),
  tls: z
    .strictObject({
      mode: z
        .enum(['disable', 'require', 'verify-ca', 'verify-full'])
        .default('verify-full')
        .describe('disable: no TLS. require: TLS without checking who answers. verify-ca: the certificate chains to `ca`. verify-full: and names the host.'),
      ca: z.string().optional().describe('PEM file with the certificate authorities to trust. Default: those of the system.'),
      servername: z.string().optional().describe('Name to expect in the certificate instead of the host of `address`.'),
    })
    .prefault({})
    .describe('TLS towards the target.'),
  settings: z
    .record(z.string().regex(SETTING, 'must be the name of a server setting'), z.string().regex(/^[^\0]*$/, 'must not hold a NUL'))
    .default({})
    .describe('Server settings for each session at its start, e.g. `statement_timeout: 60s`. They win over what the client asks for.'),
});

export interface PostgresOptions {
  readonly database: string | null;
  readonly databases: readonly string[];
  readonly tls: { readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'; readonly ca: string | null; readonly servername: string | null };
  readonly settings: Readonly<Record<string, string>>;
}

export const optionsSchema: object = z.toJSONSchema(schema, { io: 'input' });

/** @throws GwError `config.invalid` with `options.PATH: what` for each problem. */
export function parseOptions(raw: unknown, baseDir: string): PostgresOptions {
  const result = schema.safeParse(raw ?? {});
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `options${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
    throw new GwError('config.invalid', problems.join('; '));
  }
  const { database, databases, tls, settings } = result.data;
  return {
    database: database ?? null,
    databases,
    tls: { mode: tls.mode, ca: tls.ca === undefined ? null : readCa(resolve(baseDir, tls.ca)), servername: tls.servername ?? null },
    settings,
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GwError('config.invalid', `options.tls.ca: the file ${file} cannot be read.`, { cause });
  }
}
