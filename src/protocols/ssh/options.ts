/** An SSH target's `options` in gateway.yaml, validated with the path of what is wrong. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { GwError } from '../../contract/gw-error.js';
import { parseKeyLine } from './known-hosts.js';

const schema = z
  .strictObject({
    hostKeys: z
      .array(z.string().max(16_384))
      .min(1)
      .optional()
      .describe('Public host keys of the target, each as `TYPE BASE64`; it must prove one of them. Another key is refused: there is no trust on first use.'),
    hostAuthorities: z
      .array(z.string().max(16_384))
      .min(1)
      .optional()
      .describe(
        'Public keys, each as `TYPE BASE64`, of authorities that certify hosts: the target may prove a key by a host certificate of one of them that is for its name.',
      ),
    knownHosts: z
      .string()
      .min(1)
      .optional()
      .describe('File in the format of known_hosts in which the keys of the target stand, or authorities (`@cert-authority`). Read again for each session.'),
    knownAs: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Name to look up in `knownHosts`, and to find in a host certificate, instead of the host of `address`.'),
    shell: z
      .enum(['posix', 'other'])
      .default('posix')
      .describe(
        'How the login shell of the target reads a command. `posix`: sh, dash, bash, ksh. `other`: the gateway does not read commands; each one is unknown to policy.',
      ),
  })
  .refine(
    ({ hostKeys, hostAuthorities, knownHosts }) => hostKeys !== undefined || hostAuthorities !== undefined || knownHosts !== undefined,
    'name the host key of the target, or who certifies it: `hostKeys`, `hostAuthorities` or `knownHosts`',
  );

export interface SshOptions {
  readonly hostKeys: readonly Buffer[];
  readonly hostAuthorities: readonly Buffer[];
  readonly knownHosts: string | null;
  readonly knownAs: string | null;
  readonly shell: 'posix' | 'other';
}

export const optionsSchema: object = z.toJSONSchema(schema, { io: 'input' });

/** @throws GwError `config.invalid` with `options.PATH: what` for each problem. */
export function parseOptions(raw: unknown, baseDir: string): SshOptions {
  const result = schema.safeParse(raw ?? {});
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `options${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
    throw new GwError('config.invalid', problems.join('; '));
  }
  const { hostKeys = [], hostAuthorities = [], knownHosts, knownAs, shell } = result.data;
  const file = knownHosts === undefined ? null : resolve(baseDir, knownHosts);
  if (file !== null) readKnownHosts(file, 'config.invalid');
  return {
    hostKeys: hostKeys.map((line, index) => keyOf(line, `hostKeys.${index}`)),
    hostAuthorities: hostAuthorities.map((line, index) => keyOf(line, `hostAuthorities.${index}`)),
    knownHosts: file,
    knownAs: knownAs ?? null,
    shell,
  };
}

function keyOf(line: string, where: string): Buffer {
  const key = parseKeyLine(line);
  if (key === null)
    throw new GwError(
      'config.invalid',
      `options.${where}: must be a public key as in a .pub file (ssh-ed25519, ecdsa-sha2-…, or ssh-rsa of at least 2048 bits).`,
    );
  return key;
}

/** @throws GwError with `code` */
export function readKnownHosts(file: string, code: 'config.invalid' | 'target.unreachable'): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (code === 'config.invalid') throw new GwError(code, `options.knownHosts: the file ${file} cannot be read.`, { cause });
    throw new GwError(code, 'The file with the host keys of the target cannot be read.', { cause });
  }
}
