/** The section `sinks`: what comes of it, and what is refused with its place. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfigFixture, configFixture, MINIMAL } from './fixture.js';

let fixture: ConfigFixture;
beforeAll(async () => {
  fixture = await configFixture();
});
afterAll(() => fixture?.[Symbol.asyncDispose]());

const check = (sinks: object) => fixture.check(`${MINIMAL}sinks: ${JSON.stringify(sinks)}\n`);
const secret = { file: 'secret' };

describe('sinks', () => {
  it('come with their defaults, absolute paths and ports', async () => {
    await fixture.write('ca.pem', 'x');
    const { errors, config } = await check({
      files: [{ name: 'a', path: 'out/a.ndjson', keep: 3 }],
      syslog: [
        { name: 'b', server: 'siem.example.com', ca: 'ca.pem', facility: 'local3', format: 'ocsf', events: ['session.*'] },
        { name: 'c', server: '127.0.0.1', transport: 'tcp' },
      ],
      webhooks: [{ name: 'd', url: secret, secret, begin: 'newest', alarm: '1h' }],
    });
    expect(errors).toEqual([]);
    const at = (name: string): string => `${fixture.directory}/${name}`;
    const common = { format: 'json', events: [], sensitive: false, begin: 'oldest', alarmMs: 300_000 };
    expect(config?.sinks).toEqual([
      { ...common, name: 'a', to: { kind: 'file', path: at('out/a.ndjson'), rotateBytes: 100 << 20, keep: 3 } },
      {
        ...common,
        name: 'b',
        format: 'ocsf',
        events: ['session.*'],
        to: { kind: 'syslog', host: 'siem.example.com', port: 6514, tls: true, ca: at('ca.pem'), client: null, facility: 19, appName: 'gw' },
      },
      { ...common, name: 'c', to: { kind: 'syslog', host: '127.0.0.1', port: 601, tls: false, ca: null, client: null, facility: 13, appName: 'gw' } },
      {
        ...common,
        name: 'd',
        begin: 'newest',
        alarmMs: 3_600_000,
        to: { kind: 'webhook', url: { kind: 'file', path: at('secret') }, secret: { kind: 'file', path: at('secret') }, ca: null },
      },
    ]);
  });

  const cases: [string, object, RegExp][] = [
    ['two of one name', { files: [{ name: 'a', path: 'a' }], webhooks: [{ name: 'a', url: secret, secret }] }, /"a" is already the name of sinks\.files\.0/],
    ['two on one file', { files: ['a', 'b'].map((name) => ({ name, path: 'x' })) }, /"x" is already the path of sinks\.files\.0/],
    ['syslog in the clear over a network', { syslog: [{ name: 'a', server: '10.0.0.1:601', transport: 'tcp' }] }, /in the clear/],
    ['an address that is none', { syslog: [{ name: 'a', server: 'siem:x' }] }, /is not an address/],
    ['a certificate that is not there', { syslog: [{ name: 'a', server: 'siem', ca: 'gone.pem' }] }, /does not exist/],
    ['a kind that can be none', { files: [{ name: 'a', path: 'a', events: ['a*b'] }] }, /kind of entry/],
    ['a key that nobody knows', { files: [{ name: 'a', path: 'a', rotate: '1GiB' }] }, /rotateAt/],
    ['a secret in place of its reference', { webhooks: [{ name: 'a', url: 'https://x', secret }] }, /url/],
  ];
  it.each(cases)('refuse %s', async (_what, sinks, message) => {
    const { errors, config } = await check(sinks);
    expect(errors.join('\n')).toMatch(message);
    expect(config).toBeNull();
  });
});
