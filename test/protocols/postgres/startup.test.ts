import { describe, expect, it } from 'vitest';
import { CANCEL_REQUEST, GSSENC_REQUEST, readFirst, SSL_REQUEST, startupMessage } from '../../../src/protocols/postgres/codec/startup.js';
import { readOptions, readStartup } from '../../../src/protocols/postgres/startup-parameters.js';
import { int32, startup } from '../../support/raw-client.js';

const first = (buffer: Buffer) => {
  const result = readFirst(buffer);
  if (result === null || typeof result === 'string') throw new Error(String(result));
  return result;
};

describe('first messages', () => {
  it('reads each kind, and asks for more at every shorter prefix', () => {
    const messages = [
      Buffer.concat([int32(8), int32(SSL_REQUEST)]),
      Buffer.concat([int32(8), int32(GSSENC_REQUEST)]),
      Buffer.concat([int32(16), int32(CANCEL_REQUEST), int32(7), int32(9)]),
      startupMessage({ user: 'bank-db', database: 'x', application_name: 'psql' }),
    ];
    for (const whole of messages) {
      for (let cut = 0; cut < whole.length; cut++) expect(readFirst(whole.subarray(0, cut))).toBeNull();
      expect(first(whole).size).toBe(whole.length);
      expect(first(Buffer.concat([whole, Buffer.from('more')])).size).toBe(whole.length);
    }
    expect(first(messages[0] as Buffer).first.kind).toBe('ssl');
    expect(first(messages[2] as Buffer).first).toEqual({ kind: 'cancel', key: Buffer.concat([int32(7), int32(9)]) });
  });

  it.each([
    ['length 0', int32(0)],
    ['length 7', int32(7)],
    ['negative length', int32(-1)],
    ['a length over the limit', int32(10_001)],
    ['protocol 2.0', Buffer.concat([int32(8), int32(0x20000)])],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an SSLRequest with a body', Buffer.concat([int32(9), int32(SSL_REQUEST), Buffer.from('x')])],
    ['a cancel request without a secret', Buffer.concat([int32(12), int32(CANCEL_REQUEST), int32(1)])],
    ['no terminator', Buffer.concat([int32(13), int32(196_608), Buffer.from('user\0')])],
    ['bytes behind the terminator', Buffer.concat([int32(17), int32(196_608), Buffer.from('user\0a\0\0x')])],
    [
      'a parameter named twice',
      startup({ user: 'a', User: 'b' }).length > 0 ? Buffer.concat([int32(8 + 15), int32(196_608), Buffer.from('user\0a\0user\0b\0\0')]) : Buffer.alloc(0),
    ],
  ])('refuses %s', (_name, bytes) => {
    expect(readFirst(bytes)).toEqual(expect.any(String));
  });
});

describe('startup parameters (redteam 6c: allow-list)', () => {
  const read = (parameters: Record<string, string>) => readStartup(new Map(Object.entries({ user: 'bank-db', ...parameters })));

  it('passes what only shapes output', () => {
    const request = read({ application_name: 'psql', DateStyle: 'ISO', options: '-c statement_timeout=5s --extra-float-digits=2' });
    expect(Object.fromEntries(request.settings)).toEqual({ application_name: 'psql', datestyle: 'ISO', statement_timeout: '5s', extra_float_digits: '2' });
  });

  it.each([
    { options: '-c search_path=pg_temp' },
    { search_path: 'evil' },
    { session_replication_role: 'replica' },
    { role: 'postgres' },
    { row_security: 'off' },
    { default_transaction_read_only: 'off' },
    { standard_conforming_strings: 'off' },
    { options: '-c standard_conforming_strings=off' },
    { options: '--standard-conforming-strings=off' },
    { options: '-cstandard_conforming_strings=off' },
    { client_encoding: 'SJIS' },
    { client_encoding: 'GBK' },
    { replication: 'true' },
    { replication: 'database' },
    { options: '-d 5' },
    { options: '-c' },
    { Search_Path: 'x' },
  ] as Record<string, string>[])('refuses %j', (parameters) => {
    expect(() => read(parameters)).toThrowError(expect.objectContaining({ code: 'protocol.unsupported' }) as Error);
  });

  it('accepts the pinned values and sends none of them twice', () => {
    for (const encoding of ['UTF8', 'utf-8', 'UNICODE', 'SQL_ASCII']) expect(read({ client_encoding: encoding }).settings.size).toBe(0);
  });

  it('splits options as the server does: a backslash quotes a space', () => {
    expect(readOptions('-c application_name=a\\ b  -c x=\\\\y')).toEqual([
      ['application_name', 'a b'],
      ['x', '\\y'],
    ]);
  });

  it('needs a user', () => {
    expect(() => readStartup(new Map([['database', 'x']]))).toThrowError(expect.objectContaining({ code: 'protocol.violation' }) as Error);
  });
});
