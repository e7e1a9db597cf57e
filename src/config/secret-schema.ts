/**
 * How the configuration refers to a secret: exactly one of `literal`, `env`, `file`, `command`. One flat object instead of a union, so
 * that a mistyped key gets a suggestion rather than four complaints. Paths stay relative here; `load-gateway-config` resolves them.
 */
import { z } from 'zod';
import { Secret } from '../base/secret.js';

export type SecretReference =
  | { readonly kind: 'literal'; readonly value: Secret }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

const fields = {
  literal: z.string().min(1).max(65_536).optional().meta({ description: 'The secret itself. For trying out only: `gw gateway check` warns about it.' }),
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'must be the name of an environment variable')
    .optional()
    .meta({ description: 'Name of an environment variable of the gateway process.', examples: ['BANK_DB_PASSWORD'] }),
  file: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({
      description: 'Path of a file whose first line is the secret; read again whenever it is needed, so it can be rotated in place.',
      examples: ['/run/secrets/bank-db'],
    }),
  command: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .optional()
    .meta({
      description: 'Program and arguments whose first line of output is the secret; run again whenever it is needed, without a shell, at most 10 seconds.',
      examples: [['vault', 'kv', 'get', '-field=password', 'secret/bank-db']],
    }),
};

export function secretReference(description: string) {
  return z
    .strictObject(fields)
    .transform((value, context): SecretReference => {
      const found: SecretReference[] = [];
      if (value.literal !== undefined) found.push({ kind: 'literal', value: new Secret(value.literal) });
      if (value.env !== undefined) found.push({ kind: 'env', name: value.env });
      if (value.file !== undefined) found.push({ kind: 'file', path: value.file });
      if (value.command !== undefined) found.push({ kind: 'command', argv: value.command });
      const only = found[0];
      if (only !== undefined && found.length === 1) return only;
      context.addIssue({
        code: 'custom',
        message: `give exactly one of literal, env, file and command (found ${found.length === 0 ? 'none' : found.map((each) => each.kind).join(' and ')})`,
      });
      return z.NEVER;
    })
    .meta({ description, minProperties: 1, maxProperties: 1 });
}
