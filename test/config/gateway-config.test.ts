import { chmod } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gatewaySchema, loadGatewayConfig } from '../../src/config/index.js';
import { GwError } from '../../src/contract/gw-error.js';
import { type ConfigFixture, configFixture, MINIMAL, protocols } from './fixture.js';

let fixture: ConfigFixture;
beforeEach(async () => {
  fixture = await configFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe('a valid configuration', () => {
  it('fills in the defaults, parses units, and resolves paths against the file', async () => {
    const { config, warnings } = await loadGatewayConfig(fixture.file, { protocols });
    expect(config.gateway).toMatchObject({
      listen: { host: '127.0.0.1', port: 7443 },
      publicUrl: null,
      tls: { certificate: `${fixture.directory}/tls/cert.pem`, key: `${fixture.directory}/tls/key.pem` },
      dataDir: fixture.directory,
      drainTimeoutMs: 30_000,
      native: [],
    });
    expect(config.gateway.workers).toBe(Math.max(1, availableParallelism() - 1));
    expect(config.state).toEqual({ kind: 'embedded' });
    expect(config.identity.clockSkewMs).toBe(30_000);
    expect(config.identity.issuers[0]).toEqual({
      issuer: 'http://127.0.0.1:9999',
      audience: ['gw'],
      algorithms: ['RS256', 'ES256', 'EdDSA'],
      login: { clientId: 'gw-cli', scopes: ['openid', 'profile', 'email', 'offline_access'] },
      authorizedParties: [],
      require: [],
      claims: {},
      ca: null,
    });
    expect(config.recording).toEqual({ resultCapBytes: 65_536, segmentBytes: 67_108_864, syncIntervalMs: 50, encryption: { keys: [], kms: null } });
    const [months, years] = [400 * 86_400_000, 2_557 * 86_400_000];
    expect(config.retention).toEqual({ recordings: months, approvals: years, index: months, log: null, logSeenBy: [], targets: [] });
    expect(config.limits).toMatchObject({ preLoginConnections: 256, handshakeTimeoutMs: 10_000, idleTimeoutMs: 43_200_000, statementBytes: 262_144 });
    expect(config.policy.files).toEqual([`${fixture.directory}/policy/one.yaml`]);
    expect(config.targets).toEqual([
      {
        name: 'bank-db',
        protocol: 'postgres',
        host: '127.0.0.1',
        port: 5432,
        description: '',
        labels: {},
        options: { mode: 'on', nested: {}, directory: fixture.directory },
        durability: 'batch',
        credential: { username: 'gw', password: { kind: 'file', path: `${fixture.directory}/secret` } },
      },
    ]);
    expect(warnings).toEqual([expect.stringContaining('plain http is for trying out')]);
  });

  it('takes every key of the reference', async () => {
    const { config, errors } = await fixture.check(`version: 1
gateway:
  name: gw-1
  listen: '[::]:0'
  publicUrl: https://gw.example.com/
  tls: { certificate: tls/cert.pem, key: tls/key.pem }
  workers: 3
  dataDir: data
  native: [{ protocol: postgres, listen: 0.0.0.0:7432, advertise: db.example.com:5432, plaintext: loopback, auth: oauth }]
  drainTimeout: 1h30m
  metrics: { allow: [10.0.0.0/8, '::1'] }
state: { url: { env: GW_STATE_URL } }
identity:
  clockSkew: 0s
  issuers:
    - issuer: https://login.example.com/realm
      audience: [gw, gw-staging]
      algorithms: [PS512, Ed25519]
      login: { clientId: gw-cli, scopes: [openid] }
      authorizedParties: [gw-cli]
      require: ['claims.a == 1']
      claims: { subject: claims.sub, name: a, email: b, emailVerified: c, groups: d, kind: '"person"', onBehalfOf: e }
access: { admins: { groups: [dba], subjects: [{ issuer: https://login.example.com/realm, subject: root }] }, auditors: { groups: [auditors] } }
policy: { files: [policy/one.yaml] }
recording: { resultCap: 1MiB, segmentSize: 128MiB, syncInterval: 10ms }
limits: { preLoginConnections: 1, preLoginPerAddress: 1, handshakeTimeout: 1s, connectTimeout: 2s, maxSessions: 1, idleTimeout: 1h, sessionTimeout: 1d, loginFailuresPerMinute: 1, statementBytes: 1MiB }
targets:
  - { name: a, protocol: postgres, address: db, description: text, labels: { env: prod }, durability: strict, credential: { username: u, password: { command: [bin/secret, x] } }, options: { mode: 'off' } }
  - { name: b, protocol: ssh, address: '[::1]:22', credential: { username: u } }
log: { level: debug }
`);
    expect(errors).toEqual([]);
    expect(config?.gateway).toMatchObject({ publicUrl: 'https://gw.example.com', workers: 3, listen: { host: '::', port: 0 }, drainTimeoutMs: 5_400_000 });
    expect(config?.access).toEqual({
      admins: {
        groups: [{ issuer: 'https://login.example.com/realm', group: 'dba' }],
        subjects: [{ issuer: 'https://login.example.com/realm', subject: 'root' }],
      },
      auditors: { groups: [{ issuer: 'https://login.example.com/realm', group: 'auditors' }], subjects: [] },
    });
    expect(config?.state).toEqual({ kind: 'server', url: { kind: 'env', name: 'GW_STATE_URL' } });
    expect(config?.targets[0]).toMatchObject({
      host: 'db',
      port: 5432,
      credential: { password: { kind: 'command', argv: ['bin/secret', 'x'], directory: fixture.directory } },
    });
    expect(config?.targets[1]).toMatchObject({ host: '::1', port: 22, credential: { password: null } });
  });

  it('takes a group without an issuer as one of where people log in, and others with theirs', async () => {
    const two = MINIMAL.replace(
      '    - issuer: http://127.0.0.1:9999',
      '    - { issuer: http://127.0.0.1:1, audience: ci }\n    - issuer: http://127.0.0.1:9999',
    );
    const { config, errors } = await fixture.check(two.replace('[dba]', '[dba, { issuer: http://127.0.0.1:1, group: deployers }]'));
    expect(errors).toEqual([]);
    expect(config?.access.admins.groups).toEqual([
      { issuer: 'http://127.0.0.1:9999', group: 'dba' },
      { issuer: 'http://127.0.0.1:1', group: 'deployers' },
    ]);
    const alone = await fixture.check(MINIMAL.replace('      login: { clientId: gw-cli }\n', ''));
    expect(alone.config?.access.admins.groups).toEqual([{ issuer: 'http://127.0.0.1:9999', group: 'dba' }]);
  });

  it('keeps a literal secret out of every printed form, and warns about it', async () => {
    const { config, warnings } = await fixture.check(MINIMAL.replace('{ file: secret }', '{ literal: hunter2 }'));
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(inspect(config, { depth: 20 })).not.toContain('hunter2');
    expect(config?.targets[0]?.credential.password).toMatchObject({ kind: 'literal' });
    expect(warnings).toContainEqual(
      expect.stringMatching(/^gateway\.yaml:17:\d+ targets\[0\]\.credential\.password\.literal: the secret stands in the configuration/),
    );
  });

  it('warns about a key and a secret that other users can read, and not about private ones', async () => {
    await chmod(`${fixture.directory}/secret`, 0o644);
    await chmod(`${fixture.directory}/tls/key.pem`, 0o604);
    const open = await fixture.check(MINIMAL);
    expect(open.warnings.filter((line) => line.includes('chmod 600'))).toHaveLength(2);
    await chmod(`${fixture.directory}/secret`, 0o640);
    await chmod(`${fixture.directory}/tls/key.pem`, 0o600);
    const closed = await fixture.check(MINIMAL);
    expect(closed.warnings.filter((line) => line.includes('chmod 600'))).toEqual([]);
  });
});

describe('each mistake is reported with its position and what would be right', () => {
  const cases: readonly [string, (yaml: string) => string, string | RegExp][] = [
    ['a mistyped key', (y) => y.replace('  listen:', '  lisen:'), 'gateway.yaml:4:3 gateway.lisen: unknown key; did you mean "listen"?'],
    ['a key of nowhere', (y) => `${y}zebra: 1\n`, /^gateway\.yaml:18:1 zebra: unknown key; known here: version, gateway, state/],
    [
      'a key inside a list',
      (y) => y.replace('    protocol: postgres', '    protokol: postgres'),
      'gateway.yaml:15:5 targets[0].protokol: unknown key; did you mean "protocol"?',
    ],
    ['a missing key', (y) => y.replace('  name: quickstart\n', ''), 'gateway.yaml:2:1 gateway.name: is required (text)'],
    [
      'a wrong enum value',
      (y) => `${y}log: { level: wran }\n`,
      'gateway.yaml:18:15 log.level: must be debug or info or warn or error, but is "wran"; did you mean "warn"?',
    ],
    ['a wrong version', (y) => y.replace('version: 1', 'version: 2'), 'gateway.yaml:1:10 version: must be 1, but is 2'],
    ['a wrong type', (y) => y.replace('username: gw', 'username: [gw]'), /targets\[0\]\.credential\.username: must be text, but is a list/],
    [
      'a number where text is meant',
      (y) => y.replace('    credential', '    labels: { tier: 1 }\n    credential'),
      /labels\.tier: must be text, but is the number 1; put it in quotes: "1"/,
    ],
    [
      'a duration without unit',
      (y) => `${y}limits: { idleTimeout: 30 }\n`,
      'gateway.yaml:18:24 limits.idleTimeout: must be text, but is the number 30; put it in quotes: "30"',
    ],
    ['a duration with a wrong unit', (y) => `${y}limits: { idleTimeout: 30 sec }\n`, /limits\.idleTimeout: "30 sec" is not a duration; write for example/],
    ['a duration out of range', (y) => `${y}limits: { handshakeTimeout: 1d }\n`, 'gateway.yaml:18:29 limits.handshakeTimeout: must be from 100ms to 10m'],
    ['a log that is kept for too short', (y) => `${y}retention: { log: 30d }\n`, 'gateway.yaml:18:19 retention.log: must be from 90d to 36500d'],
    ['a size with a wrong unit', (y) => `${y}recording: { resultCap: 64 kilos }\n`, /recording\.resultCap: "64 kilos" is not a size/],
    ['a number out of range', (y) => `${y}limits: { maxSessions: 0 }\n`, /limits\.maxSessions: must be at least 1$/],
    [
      'workers of a wrong kind',
      (y) => y.replace('  listen:', '  workers: lots\n  listen:'),
      'gateway.yaml:4:12 gateway.workers: must be "auto" or a number, but is text',
    ],
    ['a state of a wrong kind', (y) => `${y}state: memory\n`, /state: must be "embedded" or a map of keys, but is text/],
    ['a mistyped key inside an alternative', (y) => `${y}state: { ulr: { env: X } }\n`, /state\.ulr: unknown key; did you mean "url"\?/],
    ['an address without port', (y) => y.replace('7443', 'x'), /gateway\.listen: "127\.0\.0\.1:x" is not an address to listen on/],
    ['a target address with port 0', (y) => y.replace(':5432', ':0'), /targets\[0\]\.address: "127\.0\.0\.1:0" is not an address/],
    [
      'a certificate for a protocol that has none',
      (text) => text.replace('password: { file: secret }', 'certificate: true'),
      /targets\[0\]\.credential\.certificate: a target of protocol postgres takes no certificate/,
    ],
    [
      'principals without a certificate',
      (text) => text.replace('password: { file: secret }', 'principals: [deploy]'),
      /targets\[0\]\.credential\.principals: principals are those of a certificate/,
    ],
    [
      'a principal that others would split',
      (text) => text.replace('password: { file: secret }', 'certificate: true, principals: ["deploy,root"]'),
      /principals\[0\]: must be a name without commas/,
    ],
    [
      'an unknown protocol',
      (y) => y.replace('protocol: postgres', 'protocol: postgers'),
      'gateway.yaml:15:15 targets[0].protocol: unknown protocol "postgers"; did you mean "postgres"?',
    ],
    [
      'a protocol named like a property of objects',
      (y) => y.replace('protocol: postgres', 'protocol: constructor'),
      /unknown protocol "constructor"; known: postgres, ssh/,
    ],
    [
      'an option that the protocol refuses',
      (y) => `${y}    options: { mode: on, nested: { ca: 1 } }\n`,
      'gateway.yaml:18:40 targets[0].options.nested.ca: option refused: invalid_type',
    ],
    [
      'options that are mistyped',
      (y) => `${y}    options: { mdoe: on, nested: { cba: 1 } }\n`,
      'gateway.yaml:18:16 targets[0].options.mdoe: unknown key; did you mean "mode"?',
    ],
    [
      'two targets of one name',
      (y) => `${y}  - { name: bank-db, protocol: ssh, address: 'a:1', credential: { username: u } }\n`,
      'gateway.yaml:18:13 targets[1].name: "bank-db" is already the name of targets[0]',
    ],
    ['a name that cannot be typed', (y) => y.replace('name: bank-db', 'name: Bank DB'), /targets\[0\]\.name: must be 1 to 63 of a-z/],
    [
      'a secret from two places',
      (y) => y.replace('{ file: secret }', '{ file: secret, env: X }'),
      /password: give exactly one of literal, env, file and command \(found env and file\)/,
    ],
    ['a secret from nowhere', (y) => y.replace('{ file: secret }', '{}'), /password: give exactly one .* \(found none\)/],
    [
      'an unsigned algorithm',
      (y) => y.replace('audience: gw', 'audience: gw\n      algorithms: [none]'),
      /algorithms\[0\]: "none" is refused: an unsigned token proves nothing/,
    ],
    ['a shared-key algorithm', (y) => y.replace('audience: gw', 'audience: gw\n      algorithms: [ES256, HS256]'), /algorithms\[1\]: "HS256" is refused/],
    ['an issuer over plain http', (y) => y.replace('http://127.0.0.1:9999', 'http://login.example.com'), /issuers\[0\]\.issuer: must be https/],
    ['a host that only looks like loopback', (y) => y.replace('http://127.0.0.1:9999', 'http://127.0.0.1.example.com'), /issuers\[0\]\.issuer: must be https/],
    [
      'a public CI issuer bound to nobody',
      (y) => y.replace('http://127.0.0.1:9999', 'https://token.actions.githubusercontent.com'),
      /require: this issuer gives tokens to anybody: require one of claims\.repository_owner_id/,
    ],
    [
      'an issuer given twice',
      (y) => y.replace('access:', '    - { issuer: http://127.0.0.1:9999, audience: x }\naccess:'),
      /issuers\[1\]\.issuer: is already given as issuers\[0\]/,
    ],
    [
      'a second login',
      (y) => y.replace('access:', '    - { issuer: http://127.0.0.1:1, audience: x, login: { clientId: c } }\naccess:'),
      /issuers\[1\]\.login: issuers\[0\] has a login already/,
    ],
    [
      'a group of an unknown issuer',
      (y) => y.replace('groups: [dba]', 'groups: [dba, { issuer: x, group: g }]'),
      /access\.admins\.groups\[1\]\.issuer: is not one of identity\.issuers/,
    ],
    [
      'a group without an issuer where nobody knows whose it is',
      (y) => y.replace('      login: { clientId: gw-cli }\n', '').replace('access:', '    - { issuer: http://127.0.0.1:1, audience: x }\naccess:'),
      /access\.admins\.groups\[0\]: several issuers are trusted and none has a "login"/,
    ],
    ['a group with an issuer and no name', (y) => y.replace('groups: [dba]', 'groups: [{ issuer: http://127.0.0.1:9999 }]'), /access\.admins\.groups\[0\]/],
    [
      'an administrator of an unknown issuer',
      (y) => y.replace('groups: [dba]', 'subjects: [{ issuer: x, subject: s }]'),
      /access\.admins\.subjects\[0\]\.issuer: is not one of identity\.issuers/,
    ],
    [
      'a range that is none',
      (y) => y.replace('  listen:', '  metrics: { allow: [10.0.0.0/33] }\n  listen:'),
      /metrics\.allow\[0\]: "10\.0\.0\.0\/33" is not a range/,
    ],
    [
      'a port taken twice',
      (y) => y.replace('  listen:', '  native: [{ protocol: ssh, listen: 127.0.0.1:7443 }]\n  listen:'),
      /native\[0\]\.listen: 127\.0\.0\.1:7443 is already taken by gateway\.listen/,
    ],
    ['a public URL over plain http', (y) => y.replace('  listen:', '  publicUrl: http://gw\n  listen:'), /gateway\.publicUrl: must be an https URL/],
    [
      'a certificate that is not there',
      (y) => y.replace('tls/cert.pem', 'tls/none.pem'),
      /gateway\.tls\.certificate: the file cannot be read: it does not exist/,
    ],
    ['a pattern that matches nothing', (y) => y.replace('policy/*.yaml', 'policy/*.yml'), /policy\.files\[0\]: matches no file/],
    [
      'a label with control characters in its name',
      (y) => y.replace('    credential', '    labels: { "a\\u001b": x }\n    credential'),
      /must be a label name/,
    ],
    ['nothing at all', () => '', /^gateway\.yaml:1:1 is required \(a map of keys\)$/],
    ['a key given twice', (y) => y.replace('  name: quickstart', '  name: quickstart\n  name: other'), /^gateway\.yaml:4:3 the same key is given twice/],
    ['a tab for indentation', (y) => y.replace('  name: quickstart', '\tname: quickstart'), /^gateway\.yaml:\d+:\d+ /],
    ['an unknown tag', (y) => y.replace('name: quickstart', 'name: !env quickstart'), /^gateway\.yaml:3:9 Unresolved tag: !env/],
    ['two documents', (y) => `${y}---\nversion: 1\n`, /more than one YAML document/],
    ['a prototype key', (y) => `${y}__proto__: { polluted: 1 }\n`, /__proto__: unknown key/],
  ];
  it.each(cases)('%s', async (_, change, expected) => {
    const yaml = change(MINIMAL);
    expect(yaml).not.toBe(MINIMAL);
    const { config, errors } = await fixture.check(yaml);
    expect(config).toBeNull();
    expect(errors).toContainEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
    expect(errors.filter((line) => (typeof expected === 'string' ? line !== expected : !expected.test(line))).length).toBeLessThanOrEqual(1);
  });

  it('reports all of them at once, in the order of the file', async () => {
    const { errors } = await fixture.check(
      MINIMAL.replace('  name: quickstart', '  nmae: quickstart').replace('username: gw', 'username: ""').replace('audience: gw', 'audience: []'),
    );
    expect(errors.map((line) => line.split(' ')[0])).toEqual(['gateway.yaml:2:1', 'gateway.yaml:3:3', 'gateway.yaml:9:7', 'gateway.yaml:17:29']);
  });

  it('throws them as one config.invalid', async () => {
    await fixture.write('gateway.yaml', MINIMAL.replace('  name: quickstart', '  nmae: quickstart'));
    const thrown: unknown = await loadGatewayConfig(fixture.file, { protocols }).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(GwError);
    expect(thrown).toMatchObject({ code: 'config.invalid', detail: { file: fixture.file, problems: 2 } });
    expect(String(thrown)).toContain(`${fixture.file}:3:3 gateway.nmae: unknown key; did you mean "name"?`);
  });

  it('asks for each expression and points at it', async () => {
    const asked: string[] = [];
    const { errors } = await fixture.check(MINIMAL.replace('audience: gw', 'audience: gw\n      require: [good, bad]\n      claims: { groups: bad }'), {
      checkExpression: (text) => {
        asked.push(text);
        return text === 'bad' ? 'does not compile' : null;
      },
    });
    expect(asked).toEqual(['good', 'bad', 'bad']);
    expect(errors).toEqual([
      'gateway.yaml:10:23 identity.issuers[0].require[1]: does not compile',
      'gateway.yaml:11:25 identity.issuers[0].claims.groups: does not compile',
    ]);
  });
});

describe('hostile or broken files end in a message, not in a crash', () => {
  it.each([
    [
      'an alias bomb',
      `a: &a [${'x,'.repeat(10)}]\nb: &b [${'*a,'.repeat(10)}]\nc: &c [${'*b,'.repeat(10)}]\nd: [${'*c,'.repeat(10)}]\n`,
      /excessive alias count/,
    ],
    ['a million brackets', '['.repeat(500_000), /nested too deeply/],
    ['more than 1 MiB', `# ${'x'.repeat(1024 * 1024)}`, /larger than 1 MiB/],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0x3a, 0xff, 0xfe]), /not valid UTF-8/],
    ['NUL bytes', Buffer.alloc(64), /./],
    ['a scalar', 'hello', /^gateway\.yaml:1:1 must be a map of keys, but is text/],
  ])('%s', async (_, content, expected) => {
    const { config, errors } = await fixture.check(content);
    expect(config).toBeNull();
    expect(errors[0]).toMatch(expected);
    expect(errors.length).toBeLessThanOrEqual(100);
  });

  it('a file that is not there, and a directory', async () => {
    await expect(loadGatewayConfig(`${fixture.directory}/none.yaml`, { protocols })).rejects.toThrow(/none\.yaml:1:1 cannot be read: ENOENT/);
    await expect(loadGatewayConfig(fixture.directory, { protocols })).rejects.toThrow(/cannot be read: EISDIR/);
  });

  it('few aliases are fine', async () => {
    const { errors } = await fixture.check(MINIMAL.replace('audience: gw', 'audience: &name gw').replace('username: gw', 'username: *name'));
    expect(errors).toEqual([]);
  });
});

describe('the JSON schema', () => {
  it('describes every key and merges the options of each protocol', () => {
    const schema = gatewaySchema(protocols);
    const missing: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      const { properties, items, anyOf } = node as { properties?: Record<string, { description?: string }>; items?: unknown; anyOf?: unknown[] };
      for (const [key, value] of Object.entries(properties ?? {})) {
        if (value.description === undefined || value.description === '') missing.push(`${path}.${key}`);
        visit(value, `${path}.${key}`);
      }
      visit(items, `${path}[]`);
      for (const each of anyOf ?? []) visit(each, path);
    };
    visit(schema, '');
    expect(missing).toEqual([]);
    const text = JSON.stringify(schema);
    expect(text).toContain('"enum":["postgres","ssh"]');
    expect(text).toContain('"const":"postgres"');
    expect(text).toContain('"default":"30s"');
    expect(schema.additionalProperties).toBe(false);
  });

  it('requires what the loader requires and knows what the loader knows', () => {
    const schema = gatewaySchema(protocols);
    expect(schema.required).toEqual(['version', 'gateway', 'identity', 'policy']);
    const example: unknown = parse(MINIMAL);
    for (const key of Object.keys(example as object)) expect(schema.properties).toHaveProperty(key);
  });
});
