/** The section `approvals` of gateway.yaml: who is told, outside of gw, that something waits. Who may approve is a matter of policy. */
import { z } from 'zod';
import { name, path, text } from './schema-fields.js';
import { secretReference } from './secret-schema.js';

const ca = path('PEM file of certificate authorities that vouch for the receiver, instead of the public ones.').optional();
const address = (description: string) =>
  z
    .string()
    .max(320)
    .regex(/^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/, 'must be an e-mail address without a name')
    .meta({ description });

const webhook = z.strictObject({
  name: name('Name, for the log.', ['approval-bot']),
  url: secretReference('https URL that gets a POST for every change of a request, by reference because it may hold a token.'),
  secret: secretReference('Key of the signature in the header `gw-signature`.'),
  ca,
});

const slack = z.strictObject({
  name: name('Name, for the log.', ['dba-channel']),
  url: secretReference('URL of an incoming webhook that takes `{"text": …}`, by reference because whoever knows it can write to the channel.'),
  ca,
});

const email = z.strictObject({
  name: name('Name, for the log.', ['dba-mail']),
  server: text('SMTP server, `host:port`.', 300, ['smtp.example.com:465']),
  tls: z.enum(['implicit', 'starttls', 'none']).default('implicit').meta({
    description: '`implicit`: TLS from the first byte. `starttls`: demanded after the greeting. `none`: in the clear, for a relay on this machine only.',
  }),
  ca,
  credential: z
    .strictObject({ username: text('User of the SMTP server.'), password: secretReference('Its password.') })
    .optional()
    .meta({ description: 'Left out: the server takes mail without a login.' }),
  from: address('Sender.'),
  to: z.array(address('Receiver.')).min(1).max(50).meta({ description: 'Receivers, usually a list of those who approve.' }),
});

export const approvalsSection = z
  .strictObject({
    notify: z
      .strictObject({
        webhooks: z.array(webhook).max(20).default([]).meta({ description: 'Signed webhooks for programs.' }),
        slack: z.array(slack).max(20).default([]).meta({ description: 'Slack and what understands its incoming webhooks.' }),
        email: z.array(email).max(20).default([]).meta({ description: 'E-mail by SMTP.' }),
      })
      .prefault({})
      .meta({ description: 'Who is told. No message holds a statement, a parameter or a secret: they say what a request is about and how to look at it.' }),
  })
  .prefault({})
  .meta({ description: 'Approvals. Who may approve what is in the policy files.' });
