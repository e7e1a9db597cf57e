/**
 * tls-server-end-point for every kind of certificate, against a parser and a table that are not gw's own, and against a real server, which
 * computes it by itself.
 */
import { createHash, webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { serverEndPoint } from '../../../src/protocols/postgres/channel-binding.js';
import { startPathWorld } from '../../support/path-world.js';
import { query, RawClient, rowsOf } from '../../support/raw-client.js';
import { startRealPostgres } from '../../support/real-postgres.js';
import { startTlsRelay } from '../../support/tls-relay.js';

interface Made {
  readonly cert: string;
  readonly key: string;
  readonly der: Buffer;
}

x509.cryptoProvider.set(webcrypto);

async function make(algorithm: object): Promise<Made> {
  const keys = (await webcrypto.subtle.generateKey(algorithm as webcrypto.RsaHashedKeyGenParams, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm as webcrypto.EcdsaParams,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { cert: made.toString('pem'), key, der: Buffer.from(made.rawData) };
}

const rsa = (name: string, hash: string): object => ({ name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), saltLength: 32 });
const ec = (namedCurve: string, hash: string): object => ({ name: 'ECDSA', namedCurve, hash });

describe('tls-server-end-point (RFC 5929 section 4.1)', () => {
  it.each([
    ['RSA with SHA-1, which SHA-256 replaces', rsa('RSASSA-PKCS1-v1_5', 'SHA-1'), 'sha256'],
    ['RSA with SHA-256', rsa('RSASSA-PKCS1-v1_5', 'SHA-256'), 'sha256'],
    ['RSA with SHA-384', rsa('RSASSA-PKCS1-v1_5', 'SHA-384'), 'sha384'],
    ['RSA with SHA-512', rsa('RSASSA-PKCS1-v1_5', 'SHA-512'), 'sha512'],
    ['RSA-PSS with SHA-256', rsa('RSA-PSS', 'SHA-256'), 'sha256'],
    ['RSA-PSS with SHA-384', rsa('RSA-PSS', 'SHA-384'), 'sha384'],
    ['RSA-PSS with SHA-512', rsa('RSA-PSS', 'SHA-512'), 'sha512'],
    ['ECDSA with SHA-256', ec('P-256', 'SHA-256'), 'sha256'],
    ['ECDSA with SHA-384', ec('P-384', 'SHA-384'), 'sha384'],
    ['ECDSA with SHA-512', ec('P-521', 'SHA-512'), 'sha512'],
  ])('%s', async (_name, algorithm, hash) => {
    const { cert, der } = await make(algorithm);
    // Node's own parser gives the same bytes and, with SHA-256 and SHA-512, the same digests.
    const node = new X509Certificate(cert);
    expect(node.raw.equals(der)).toBe(true);
    const digest = serverEndPoint(der);
    expect(digest?.toString('hex')).toBe(createHash(hash).update(der).digest('hex'));
    if (hash !== 'sha384')
      expect(digest?.toString('hex')).toBe((hash === 'sha256' ? node.fingerprint256 : node.fingerprint512).replaceAll(':', '').toLowerCase());
  });

  it('Ed25519 names no hash: no binding', async () => {
    expect(serverEndPoint((await make({ name: 'Ed25519' })).der)).toBeNull();
  });

  it('a certificate cut at any byte, or with any length byte changed, gives null or a digest and never throws', async () => {
    const { der } = await make(rsa('RSA-PSS', 'SHA-384'));
    for (let cut = 0; cut < der.length; cut++) expect(serverEndPoint(der.subarray(0, cut))).toBeNull();
    for (let at = 0; at < der.length; at++) {
      for (const byte of [0x00, 0x7f, 0x80, 0x84, 0xff]) {
        const bent = Buffer.from(der);
        bent[at] = byte;
        const digest = serverEndPoint(bent);
        expect(digest === null || digest.length >= 28).toBe(true);
      }
    }
  });

  it.each([
    ['RSA with SHA-384', rsa('RSASSA-PKCS1-v1_5', 'SHA-384'), true],
    ['RSA-PSS with SHA-512', rsa('RSA-PSS', 'SHA-512'), true],
    ['ECDSA with SHA-512', ec('P-521', 'SHA-512'), true],
    ['Ed25519, without binding', { name: 'Ed25519' }, false],
  ])('a real server computes the same: %s', async (_name, algorithm, plus) => {
    const made = await make(algorithm);
    await using server = await startRealPostgres('18', {}, ['host all all 127.0.0.1/32 scram-sha-256'], { certificate: made.cert, key: made.key });
    await using relay = await startTlsRelay(server.port, made);
    const { username, password, database } = server;
    await using world = await startPathWorld({ server: { port: relay.port, username, password, database }, options: { tls: { mode: 'require' } } });
    const client = await RawClient.login(world.port, 'bank-db', 'token-alice', '');
    expect(rowsOf(await client.run(query('SELECT 1')))).toEqual([['1']]);
    client.close();
    expect(relay.up().includes('SCRAM-SHA-256-PLUS\0')).toBe(plus);
  });
});
