/** The `targets` section: what sessions go to. A target's `options` belong to its protocol, which validates them after this schema. */
import { z } from 'zod';
import { name, text } from './schema-fields.js';
import { secretReference } from './secret-schema.js';

const target = z.strictObject({
  name: name('Name that people type: `gw connect NAME`.', ['bank-db']),
  protocol: z.string().min(1).max(63).meta({ description: 'Protocol that the target speaks.' }),
  address: z
    .string()
    .min(1)
    .max(300)
    .meta({ description: "`host:port` as the gateway reaches it. Without a port the protocol's usual one.", examples: ['db.internal:5432'] }),
  description: z.string().max(500).default('').meta({ description: 'What it is, shown by `gw ls`.' }),
  labels: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,62}$/, 'must be a label name: a letter, then letters, digits, ".", "_" or "-"'), z.string().max(255))
    .default({})
    .meta({ description: 'Labels that policy matches.', examples: [{ env: 'prod' }] }),
  durability: z.enum(['batch', 'strict', 'full']).default('batch').meta({
    description:
      '`batch`: the record of an operation is in the kernel before the operation goes up, and on disk within `recording.syncInterval`. `strict`: on disk before it goes up. `full`: and what it gave is on disk before it is delivered.',
  }),
  credential: z
    .strictObject({
      username: text('User name at the target.', 255, ['gw']),
      password: secretReference('The password, by reference. Leave it out when the target asks for none.').optional(),
      key: secretReference('A private key in PEM, by reference, for protocols that log in with one. All lines of the file or output are the key.').optional(),
      certificate: z.boolean().default(false).meta({
        description:
          'Log in with a certificate that the gateway signs for each session, for minutes, with an authority of its own. The target must trust that authority; the guide to the protocol says how.',
      }),
      principals: z
        .array(
          z
            .string()
            .regex(/^(?:[^\p{C},{}]|\{\{account\}\}){1,255}$/u, 'must be a name without commas, braces and control characters; `{{account}}` may stand in it'),
        )
        .min(1)
        .max(16)
        .optional()
        .meta({
          description: 'Names that the certificate is good for at the target; `{{account}}` stands for the account of the session. Default: the account.',
          examples: [['deploy'], ['gw-{{account}}']],
        }),
    })
    .meta({ description: 'What the gateway logs in with. Clients never see it.' }),
  options: z.record(z.string(), z.unknown()).default({}).meta({ description: 'Options of the protocol.' }),
});

export const targetsSection = z
  .array(target)
  .max(10_000)
  .default([])
  .meta({ description: 'What people can be let in to. Policy decides who may reach which.' });
