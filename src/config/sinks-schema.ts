/** The section `sinks` of gateway.yaml: where entries of the audit log go besides the log itself. */
import { z } from 'zod';
import { byteSize, count, duration, name, path, text } from './schema-fields.js';
import { secretReference } from './secret-schema.js';

const MIB = 1024 * 1024;
const MINUTE = 60_000;

/** RFC 5424 section 6.2.1, by the names that syslog.conf has. */
export const FACILITIES = {
  user: 1,
  auth: 4,
  authpriv: 10,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

const ca = path('PEM file of certificate authorities that vouch for the receiver, instead of the public ones.').optional();

/** What every kind of sink has. */
const common = {
  name: name('Name. The sink is remembered by it: under another name it begins anew.', ['siem']),
  format: z.enum(['json', 'ocsf']).default('json').meta({
    description: '`json`: entries as they stand in the log. `ocsf`: events of the Open Cybersecurity Schema Framework 1.8.0.',
  }),
  events: z
    .array(z.string().regex(/^(?:[a-z][a-z_.]{0,60}\*?|\*)$/, 'must be a kind of entry, or its beginning and `*`'))
    .max(100)
    .default([])
    .meta({ description: 'Only entries of these kinds; `approval.*` for all that begin so. Empty: all.', examples: [['operation.deny', 'approval.*']] }),
  sensitive: z.boolean().default(false).meta({
    description:
      'Whether fields that are classed as sensitive (names, addresses, reasons) go along. They are read from the record, and left out when it is gone.',
  }),
  begin: z.enum(['oldest', 'newest']).default('oldest').meta({
    description: 'Where a sink with a new name begins: at the oldest entry there is, or with what is written from then on.',
  }),
  alarm: duration('5m', 'An entry that waits for longer is an alarm: in metrics, `/readyz`, `gw audit sinks` and `gw doctor`.', 1_000, 7 * 24 * 60 * MINUTE),
};

const file = z.strictObject({
  ...common,
  path: path('File that entries are appended to, one JSON document a line. Readable for the account of the gateway only.'),
  rotateAt: byteSize('100MiB', 'Before it grows over this size the file gets the time behind its name, and a new one is begun.', 64 * 1024, 1024 * 1024 * MIB),
  keep: count(0, 'Rotated files that stay; the oldest are removed. 0: all stay.', 0, 1_000_000),
});

const syslog = z.strictObject({
  ...common,
  server: text('Receiver, `host:port`; by default port 6514 with TLS and 601 without.', 300, ['siem.example.com:6514']),
  transport: z.enum(['tls', 'tcp']).default('tls').meta({
    description: '`tls`: RFC 5425. `tcp`: RFC 6587 with octet counting, in the clear, for a receiver on this machine only.',
  }),
  ca,
  client: z
    .strictObject({ certificate: path('PEM file: the certificate, then its chain.'), key: path('PEM file: its private key.') })
    .optional()
    .meta({ description: 'What the gateway shows the receiver. Left out: nothing.' }),
  facility: z
    .enum(Object.keys(FACILITIES) as [keyof typeof FACILITIES, ...(keyof typeof FACILITIES)[]])
    .default('audit')
    .meta({ description: 'Facility of the messages.' }),
  appName: z
    .string()
    .regex(/^[!-~]{1,48}$/, 'must be 1 to 48 printable ASCII characters without blanks')
    .default('gw')
    .meta({ description: 'APP-NAME of the messages.' }),
});

const webhook = z.strictObject({
  ...common,
  url: secretReference('https URL that gets batches of entries by POST, by reference because it may hold a token.'),
  secret: secretReference('Key of the signature in the header `gw-signature`.'),
  ca,
});

export const sinksSection = z
  .strictObject({
    files: z.array(file).max(20).default([]).meta({ description: 'NDJSON files.' }),
    syslog: z.array(syslog).max(20).default([]).meta({ description: 'Syslog receivers (RFC 5424).' }),
    webhooks: z.array(webhook).max(20).default([]).meta({ description: 'Signed webhooks.' }),
  })
  .prefault({})
  .meta({ description: 'Where entries of the audit log go besides the log: each at least once and in order. See docs/sinks.md.' });
