/** Timestamps of a real authority (openssl): what verifies, what openssl says of the same files, and that no changed byte passes. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timestampRequest } from '../../src/audit/timestamp/timestamp-request.js';
import { readCertificates } from '../../src/audit/timestamp/timestamp-signature.js';
import { parseTimestampResponse } from '../../src/audit/timestamp/timestamp-token.js';
import { verifyTimestamp } from '../../src/audit/timestamp/verify-timestamp.js';
import { GwError } from '../../src/contract/gw-error.js';
import { fc } from '../support/fast-check.js';
import { runProgram } from '../support/run-program.js';
import { type AuthorityOptions, startTimestampAuthority, type TimestampAuthority } from '../support/timestamp-authority.js';

const CONTENT = Buffer.from('bank/0\n7\nroot\n');
let authority: TimestampAuthority;
let response: Buffer;
let roots: X509Certificate[];

beforeAll(async () => {
  authority = await startTimestampAuthority();
  response = await authority.reply(timestampRequest(CONTENT, 0xf1f2f3n));
  roots = readCertificates(authority.ca, 'the test');
});
afterAll(() => authority[Symbol.asyncDispose]());

/** Code and words of what is thrown; `ok` for nothing. */
function verdict(bytes: Buffer, content = CONTENT, trusted = roots): string {
  try {
    verifyTimestamp(bytes, content, trusted);
    return 'ok';
  } catch (thrown) {
    const { code, message } = GwError.from(thrown);
    return `${code}: ${message}`;
  }
}

describe('a timestamp', () => {
  it('verifies, says time, accuracy, nonce and who, and is for one content only', () => {
    const found = verifyTimestamp(response, CONTENT, roots);
    expect(Math.abs(found.time - Date.now())).toBeLessThan(60_000);
    expect(found).toMatchObject({ accuracy: 1_500, nonce: 0xf1f2f3n, authority: 'O=Test Bank, CN=test timestamps' });
    expect(verdict(response, Buffer.from('something else'))).toContain('of something else');
  });

  it('is judged by openssl as here, good and changed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gw-timestamp-'));
    try {
      await writeFile(join(dir, 'content'), CONTENT);
      await writeFile(join(dir, 'response'), response);
      const args = (content: string): string[] => ['ts', '-verify', '-data', content, '-in', 'response', '-CAfile', authority.caFile];
      expect(await runProgram('openssl', args('content'), { cwd: dir })).toMatchObject({ code: 0 });
      await writeFile(join(dir, 'other'), 'something else');
      expect((await runProgram('openssl', args('other'), { cwd: dir })).code).not.toBe(0);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it.each<AuthorityOptions>([{ kind: 'rsa', digest: 'sha512' }, { kind: 'p256' }, { kind: 'p384', digest: 'sha384' }])(
    'of an authority with $kind verifies',
    async (options) => {
      await using other = await startTimestampAuthority(options);
      const bytes = await other.reply(timestampRequest(CONTENT, 1n));
      expect(verdict(bytes, CONTENT, readCertificates(other.ca, 'the test'))).toBe('ok');
      expect(verdict(bytes)).toContain('does not lead to an authority given');
      expect(verdict(bytes, CONTENT, [])).toBe('ok');
    },
  );

  it('counts only from a certificate that is for timestamps and nothing else, critically, and that its signature names', async () => {
    const judged = async (options: AuthorityOptions, ...more: readonly string[]): Promise<string> => {
      await using other = await startTimestampAuthority(options);
      // After its certificate, of a second authority that openssl lets answer.
      await using honest = await startTimestampAuthority();
      const { content } = parseTimestampResponse(await honest.reply(timestampRequest(CONTENT, 1n)));
      return verdict(await other.sign(content, ...more), CONTENT, readCertificates(other.ca, 'the test'));
    };
    expect(await judged({}, '-cades')).toBe('ok');
    expect(await judged({ usage: 'timeStamping' }, '-cades')).toContain('not one for timestamps');
    expect(await judged({ usage: 'critical,timeStamping,codeSigning' }, '-cades')).toContain('not one for timestamps');
    expect(await judged({ usage: 'critical,serverAuth' }, '-cades')).toContain('not one for timestamps');
    expect(await judged({}, '-md', 'sha256')).toContain('does not name the certificate');
    expect(await judged({}, '-cades', '-md', 'sha1')).toContain('none that counts');
    expect(await judged({}, '-cades', '-nocerts')).toContain('is not in it');
    expect(await judged({ kind: 'rsa' }, '-cades', '-keyopt', 'rsa_padding_mode:pss')).toBe('ok');
    expect(await judged({}, '-cades', '-keyid')).toBe('ok');
  });

  it('survives no change of a bit that it is signed over, and none that names another time, imprint or certificate', () => {
    const token = parseTimestampResponse(response);
    const parts = [token.content, token.signer.signed.subarray(4), token.signer.signature, token.certificates[0] as Buffer];
    for (const part of parts) {
      const from = response.indexOf(part);
      expect(from).toBeGreaterThan(0);
      for (let at = from; at < from + part.length; at++) {
        const changed = Buffer.from(response);
        changed[at] = (changed[at] as number) ^ (1 << (at % 8));
        expect(verdict(changed), `byte ${at}`).toContain('audit.invalid');
      }
    }
  });

  it('never gives anything but a verdict, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(response.length), fc.nat(300), (bytes, at, cut) => {
        const spliced = Buffer.concat([response.subarray(0, at), bytes, response.subarray(Math.min(response.length, at + cut))]);
        expect(verdict(spliced)).toMatch(/^ok$|^audit\.invalid/);
        expect(verdict(Buffer.from(bytes))).toMatch(/^audit\.invalid/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('may claim any length and depth, and costs nothing', () => {
    for (const bytes of [
      Buffer.from('3084ffffffff', 'hex'),
      Buffer.from('308400000001', 'hex'),
      Buffer.from('3080', 'hex'),
      Buffer.from('1f8101', 'hex'),
      Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from('3082ffff', 'hex'))),
      Buffer.alloc(65_537, 0x30),
      Buffer.from('3003020102', 'hex'),
      Buffer.alloc(0),
    ]) {
      expect(verdict(bytes)).toMatch(/^audit\.invalid/);
    }
    expect(verdict(Buffer.from('30053003020102', 'hex'))).toContain('status 2');
  });
});

describe('certificates of an authority', () => {
  it('are read from PEM, all of them, and anything else is an error of the configuration', () => {
    expect(readCertificates(`${authority.ca}\n${authority.ca}`, 'x')).toHaveLength(2);
    expect(readCertificates(authority.ca, 'x')[0]).toBeInstanceOf(X509Certificate);
    for (const wrong of ['', 'x', authority.ca.replace(/M/g, '%'), authority.ca.replace(/[A-Z]{3}/, 'zzz')]) {
      expect(() => readCertificates(wrong, 'x')).toThrowError(expect.objectContaining({ code: 'config.invalid' }));
    }
  });
});
