/**
 * The schema of gateway.yaml, one source for validation, defaults, the JSON schema for editors and the reference. Keys are refused when
 * unknown: a mistyped limit that is silently ignored is a limit that does not hold.
 */
import { z } from 'zod';
import { approvalsSection } from './approvals-schema.js';
import { identitySection } from './identity-schema.js';
import { retentionSection } from './retention-schema.js';
import { addressRange, byteSize, count, duration, listenAddress, name, path, text } from './schema-fields.js';
import { secretReference } from './secret-schema.js';
import { sinksSection } from './sinks-schema.js';
import { targetsSection } from './targets-schema.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const KIB = 1024;
const MIB = 1024 * KIB;

const native = z.strictObject({
  protocol: z.string().min(1).max(63).meta({ description: 'Protocol that is spoken here.' }),
  listen: listenAddress('Address to listen on.'),
  advertise: text('`host:port` that clients are told to use, when it differs from `listen` (behind a load balancer).', 300, [
    'db.gw.example.com:5432',
  ]).optional(),
  plaintext: z
    .enum(['refuse', 'loopback'])
    .default('refuse')
    .meta({ description: 'Connections without TLS. `refuse`: a token is taken over TLS only. `loopback`: also over plain connections of this machine.' }),
  auth: z.enum(['password', 'oauth']).default('password').meta({
    description:
      'How clients are asked for a token when they do not say it themselves. `password`: in the place of a password. `oauth`: by the exchange that the protocol has for tokens, where it has one.',
  }),
});

const gateway = z
  .strictObject({
    name: name('Name of this gateway, shown to its users and written into every record.', ['quickstart']),
    listen: listenAddress('The one TLS port: API, tunnel, health and metrics.'),
    publicUrl: z
      .url({ protocol: /^https$/, error: 'must be an https URL' })
      .max(2048)
      .optional()
      .meta({ description: 'URL under which users reach `listen`. Default: `https://` and the address of `listen`.', examples: ['https://gw.example.com'] }),
    tls: z
      .strictObject({
        certificate: path('PEM file: the certificate, then its chain.'),
        key: path('PEM file: the private key.'),
      })
      .meta({ description: 'Certificate of the gateway, on the TLS port and on native ports.' }),
    workers: z
      .union([z.literal('auto'), z.int().min(1).max(256)])
      .default('auto')
      .meta({
        description:
          'Number of worker processes that share the ports; `auto` takes one less than there are cores, at least one: the rest of a gateway (sealing, hashing, what the kernel does for the network) needs a core, too.',
      }),
    dataDir: path('Directory for journals and the embedded state.').default('.'),
    native: z.array(native).max(64).default([]).meta({ description: 'Ports where native clients connect without the `gw` command line.' }),
    drainTimeout: duration('30s', 'On shutdown: how long live sessions may go on before they are ended.', 0, 24 * HOUR),
    metrics: z
      .strictObject({
        allow: z
          .array(addressRange())
          .max(100)
          .prefault(['127.0.0.1/32', '::1/128'])
          .meta({ description: 'Client addresses that may GET /metrics without a login, as CIDR.' }),
      })
      .prefault({})
      .meta({ description: 'Prometheus metrics.' }),
  })
  .meta({ description: 'The gateway itself.' });

const state = z
  .union([z.literal('embedded'), z.strictObject({ url: secretReference('PostgreSQL URL, by reference because it holds a password.') })])
  .default('embedded')
  .meta({
    description: '`embedded`: a database below `gateway.dataDir`. With `url`: a PostgreSQL server that several gateways share.',
    examples: ['embedded', { url: { env: 'GW_STATE_URL' } }],
  });

const role = (who: string) =>
  z
    .strictObject({
      groups: z
        .array(
          z.union([
            text('Group of the issuer with `login`, where people log in.'),
            z.strictObject({ issuer: text('Issuer that says who is in the group.', 2048), group: text('Group.') }),
          ]),
        )
        .max(100)
        .default([])
        .meta({
          description:
            'People (kind `person`) in any of these groups. A name alone means a group of the issuer with `login`; groups of any other issuer are given as `{ issuer, group }`, because each issuer names its own. Agents and services have no role by a group.',
          examples: [['dba', { issuer: 'https://login.example.com', group: 'platform' }]],
        }),
      subjects: z
        .array(z.strictObject({ issuer: text('Issuer.', 2048), subject: text('Subject.') }))
        .max(1000)
        .default([])
        .meta({ description: 'Single subjects, always with their issuer. An agent is never an administrator.' }),
    })
    .prefault({})
    .meta({ description: who });

const access = z
  .strictObject({
    admins: role('Who may lock identities, end sessions of others, erase their records, and place and release legal holds.'),
    auditors: role('Who may read all sessions and their records.'),
  })
  .prefault({})
  .meta({ description: 'Roles on the gateway itself. What anybody may do on targets is a matter of policy.' });

const policy = z
  .strictObject({
    files: z
      .array(path('Path or pattern.'))
      .min(1)
      .max(100)
      .meta({ description: 'Policy files; `*` stands for any part of a file name.', examples: [['policy/*.yaml']] }),
  })
  .meta({ description: 'Where the policy is.' });

const recording = z
  .strictObject({
    resultCap: byteSize('64KiB', 'Bytes kept of each result; beyond it only count and digest go on, and the record says so.', 0, 1024 * MIB),
    segmentSize: byteSize('64MiB', 'A journal segment is sealed at this size.', 64 * KIB, 4096 * MIB),
    encryption: z
      .strictObject({
        keys: z
          .array(secretReference('32 random bytes, in hex or base64.'))
          .max(64)
          .default([])
          .meta({
            description:
              'Keys that wrap the keys of journals, the newest first: it wraps those of new journals, the older ones open older journals. Left out, and without `kms`: the gateway makes one and keeps it in `journal-key` below its data directory.',
            examples: [[{ file: 'secrets/journal-key-2' }, { file: 'secrets/journal-key-1' }]],
          }),
        kms: z
          .strictObject({
            name: text('Name of the key at the service, kept with each journal that it wraps.', 200, ['alias/gw-journals']),
            wrap: z
              .array(z.string().max(4096))
              .min(1)
              .max(64)
              .meta({
                description:
                  'Program and arguments: reads 32 bytes in base64 on its standard input, prints them wrapped as one line. Run without a shell, once for each start of a worker.',
                examples: [['gw-kms', 'wrap', 'alias/gw-journals']],
              }),
            unwrap: z
              .array(z.string().max(4096))
              .min(1)
              .max(64)
              .meta({
                description: 'The way back: reads what `wrap` printed, prints the bytes in base64.',
                examples: [['gw-kms', 'unwrap', 'alias/gw-journals']],
              }),
            timeout: duration('10s', 'Longest run of either program.', 100, 5 * 60 * SECOND),
          })
          .optional()
          .meta({ description: 'A key service that wraps the keys of new journals instead of `keys`. Without it the gateway does not start.' }),
      })
      .prefault({})
      .meta({ description: 'Journals are encrypted, each session by a key of its own. What wraps these keys.' }),
    syncInterval: duration('50ms', 'Longest time between the record of an operation and its being on disk (targets with durability `batch`).', 1, 10 * SECOND),
  })
  .prefault({})
  .meta({ description: 'The session journal.' });

const limits = z
  .strictObject({
    preLoginConnections: count(256, 'Connections of one worker process that have not logged in yet.', 1, 1_000_000),
    preLoginPerAddress: count(64, 'The same, from one client address.', 1, 1_000_000),
    handshakeTimeout: duration('10s', 'Time from accept to a complete login.', 100, 10 * 60 * SECOND),
    connectTimeout: duration('10s', 'Time to reach a target.', 100, 10 * 60 * SECOND),
    maxSessions: count(5000, 'Live sessions of one worker process.', 1, 1_000_000),
    idleTimeout: duration('12h', 'A session without traffic is ended after this time.', SECOND, 30 * 24 * HOUR),
    sessionTimeout: duration('12h', 'Longest life of a session.', SECOND, 30 * 24 * HOUR),
    loginFailuresPerMinute: count(30, 'Failed logins from one address at one worker process before it is made to wait.', 1, 1_000_000),
    statementBytes: byteSize('256KiB', 'Longest statement that is understood; a longer one is refused.', KIB, 64 * MIB),
  })
  .prefault({})
  .meta({ description: 'Limits that protect the gateway.' });

const masking = z
  .strictObject({
    tokenKeys: z
      .array(
        z.strictObject({
          id: z.number().int().min(0).max(255).meta({ description: 'Number of the key; it is in every token and never used for another key.' }),
          secret: secretReference('At least 32 random bytes, in hex or base64.'),
        }),
      )
      .max(256)
      .default([])
      .meta({
        description:
          'Keys of tokens, the newest first. Older ones are kept so that their tokens are recognised. Left out: the gateway makes one and keeps it in `token-key` below its data directory.',
        examples: [[{ id: 2, secret: { file: 'secrets/token-key-2' } }]],
      }),
  })
  .prefault({})
  .meta({ description: 'Masking of sensitive data. What is masked for whom is a matter of policy.' });

const audit = z
  .strictObject({
    keys: z
      .array(secretReference('An Ed25519 private key: the 32 bytes of its seed, in hex or base64.'))
      .max(8)
      .default([])
      .meta({
        description:
          'Keys that sign the audit log, the newest first. All of them sign, so that a reader who knows only the older one can go on while a key is replaced. Left out: the gateway makes one and keeps it in `audit-key` below its data directory.',
        examples: [[{ file: 'secrets/audit-key-2' }, { file: 'secrets/audit-key-1' }]],
      }),
    checkpointInterval: duration('1s', 'Longest time between an entry of the audit log and the signed checkpoint that covers it.', 10, 60 * SECOND),
    heartbeat: duration('60s', 'How often the audit log says that it lives. A log that says nothing for three times as long has lost its tail.', SECOND, HOUR),
    timestamps: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
          .max(2048)
          .meta({ description: 'Where the timestamp authority (RFC 3161) answers.', examples: ['https://tsa.example.com/'] }),
        authority: path('PEM file: certificates of the authority that its timestamps must lead to.'),
        ca: path('PEM file: certificates to trust for https instead of the public authorities.').optional(),
        every: duration('24h', 'From one timestamp of each log to the next.', SECOND, 7 * 24 * HOUR),
        retry: duration('1m', 'From an attempt that failed to the next one.', SECOND, 24 * HOUR),
      })
      .optional()
      .meta({
        description:
          'Has a checkpoint of each log timestamped by an authority, so that nobody, the owner of the key included, can write entries of the past anew. Nothing waits for it. Left out: no timestamps.',
      }),
  })
  .prefault({})
  .meta({ description: 'The signed audit log.' });

const log = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').meta({ description: 'Least severe kind of line that is written.' }),
  })
  .prefault({})
  .meta({ description: "The gateway's own log: JSON lines on stderr." });

export const gatewaySchemaZod = z.strictObject({
  version: z.literal(1).meta({ description: 'Version of this format.' }),
  gateway,
  state,
  identity: identitySection,
  access,
  policy,
  recording,
  retention: retentionSection,
  limits,
  targets: targetsSection,
  approvals: approvalsSection,
  masking,
  audit,
  sinks: sinksSection,
  log,
});

export type ParsedGatewayFile = z.output<typeof gatewaySchemaZod>;
