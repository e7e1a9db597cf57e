/** SCRAM towards the target: the RFC's own vector, every lie a server may tell, and SASLprep. */
import { createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { saslPrep } from '../../../src/protocols/postgres/sasl-prep.js';
import { ScramClient, scramProof } from '../../../src/protocols/postgres/scram.js';

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

describe('SCRAM-SHA-256', () => {
  it('gives the proof and the server signature of RFC 7677 section 3', () => {
    const salted = pbkdf2Sync('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096, 32, 'sha256');
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const { proof, serverSignature } = scramProof(salted, `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`);
    expect(proof.toString('base64')).toBe('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
    expect(serverSignature.toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it.each([
    ['no binding', null, false, 'n,,'],
    ['binding that the server does not offer', null, true, 'y,,'],
    ['binding', { type: 'tls-server-end-point', data: Buffer.from('hash') } as const, true, 'p=tls-server-end-point,,'],
  ])('%s: the header is in the first message and under the proof', async (_name, binding, supported, header) => {
    const client = new ScramClient('pencil', binding, supported);
    expect(client.first.startsWith(`${header}n=,r=`)).toBe(true);
    expect(client.mechanism).toBe(binding === null ? 'SCRAM-SHA-256' : 'SCRAM-SHA-256-PLUS');
    const final = await client.final(`r=${nonceOf(client)}x,s=c2FsdA==,i=1`);
    const expected = Buffer.concat([Buffer.from(header), binding?.data ?? Buffer.alloc(0)]).toString('base64');
    expect(final.startsWith(`c=${expected},r=${nonceOf(client)}x,p=`)).toBe(true);
  });

  it('has a fresh nonce of 144 bits for each exchange', () => {
    const nonces = Array.from({ length: 100 }, () => nonceOf(new ScramClient('x', null, false)));
    expect(new Set(nonces).size).toBe(100);
    for (const nonce of nonces) expect(Buffer.from(nonce, 'base64')).toHaveLength(18);
  });

  it.each([
    ['its own nonce only', (n: string) => `r=${n},s=c2FsdA==,i=4096`],
    ['another nonce', () => 'r=stranger,s=c2FsdA==,i=4096'],
    ['a nonce that ours ends', (n: string) => `r=x${n},s=c2FsdA==,i=4096`],
    ['a nonce of 2,000 characters', (n: string) => `r=${n}${'x'.repeat(2_000)},s=c2FsdA==,i=4096`],
    ['a nonce with a space', (n: string) => `r=${n} x,s=c2FsdA==,i=4096`],
    ['no salt', (n: string) => `r=${n}x,i=4096`],
    ['an empty salt', (n: string) => `r=${n}x,s=,i=4096`],
    ['a salt that is padding alone', (n: string) => `r=${n}x,s====,i=4096`],
    ['no iterations', (n: string) => `r=${n}x,s=c2FsdA==`],
    ['0 iterations', (n: string) => `r=${n}x,s=c2FsdA==,i=0`],
    ['-1 iterations', (n: string) => `r=${n}x,s=c2FsdA==,i=-1`],
    ['1,000,001 iterations', (n: string) => `r=${n}x,s=c2FsdA==,i=1000001`],
    ['iterations in hexadecimal', (n: string) => `r=${n}x,s=c2FsdA==,i=0x10`],
    ['iterations as a fraction', (n: string) => `r=${n}x,s=c2FsdA==,i=1e3`],
    ['a mandatory extension (RFC 5802 section 5.1)', (n: string) => `m=new,r=${n}x,s=c2FsdA==,i=4096`],
    ['another order', (n: string) => `s=c2FsdA==,r=${n}x,i=4096`],
    ['an error', () => 'e=other-error'],
    ['nothing', () => ''],
  ])('refuses a server-first-message with %s (D24)', async (_name, make) => {
    const client = new ScramClient('pencil', null, false);
    await expect(client.final(make(nonceOf(client)))).rejects.toMatchObject({ code: 'target.protocol' });
  });

  it('takes a server-final-message of who knows the password, and no other', async () => {
    const client = new ScramClient('pencil', null, false);
    expect(() => client.verify('v=')).toThrow(/signature/);
    expect(() => client.verify(`v=${Buffer.alloc(32).toString('base64')}`)).toThrow(/signature/);
    const first = `r=${nonceOf(client)}server,s=c2FsdA==,i=4096,x=later`;
    const final = await client.final(first);
    const salted = pbkdf2Sync('pencil', 'salt', 4096, 32, 'sha256');
    const signature = hmac(hmac(salted, 'Server Key'), `${client.first.slice(3)},${first},${final.slice(0, final.indexOf(',p='))}`);
    const wrong = Buffer.from(signature);
    wrong[31] = (wrong[31] ?? 0) ^ 1;
    for (const text of [
      '',
      'v',
      'v=',
      'e=invalid-proof',
      `V=${signature.toString('base64')}`,
      `v=${wrong.toString('base64')}`,
      `v=${signature.subarray(0, 31).toString('base64')}`,
      `x=1,v=${signature.toString('base64')}`,
    ]) {
      expect(() => client.verify(text)).toThrowError(expect.objectContaining({ code: 'target.protocol' }) as Error);
    }
    client.verify(`v=${signature.toString('base64')}`);
  });
});

describe('SASLprep (RFC 4013 section 3)', () => {
  it.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0\u3000b', 'a  b'],
    // PostgreSQL goes on with the password as it is where the profile would refuse it.
    ['\ufb01\u0085', '\ufb01\u0085'],
    ['\ufb01\ue000', '\ufb01\ue000'],
    ['\ufb01\u202e', '\ufb01\u202e'],
    ['\u00ad', '\u00ad'],
    ['\t\x07', '\t\x07'],
  ])('%j becomes %j', (password, expected) => {
    expect(saslPrep(password)).toBe(expected);
  });
});

function nonceOf(client: ScramClient): string {
  return client.first.slice(client.first.indexOf('r=') + 2);
}
