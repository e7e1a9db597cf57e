/** A certificate authority made for one test run, and server certificates for this machine's loopback names. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;

export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  issue(options?: { readonly notAfter?: Date; readonly names?: readonly string[] }): Promise<ServerCertificate>;
}

async function pemKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END PRIVATE KEY-----\n`;
}

export async function makeAuthority(): Promise<TestAuthority> {
  x509.cryptoProvider.set(crypto);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=test authority ${webcrypto.randomUUID()}`,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 60 * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    ca: ca.toString('pem'),
    async issue({ notAfter = new Date(Date.now() + 60 * DAY), names = ['localhost'] } = {}) {
      const leaf = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
        subject: 'CN=localhost',
        issuer: ca.subject,
        notBefore: new Date(Date.now() - 2 * DAY),
        notAfter,
        signingAlgorithm: ALGORITHM,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension([
            ...names.map((value) => ({ type: 'dns' as const, value })),
            ...(names.includes('localhost') ? [{ type: 'ip' as const, value: '127.0.0.1' }] : []),
          ]),
        ],
      });
      return { key: await pemKey(leaf.privateKey), cert: certificate.toString('pem') };
    },
  };
}
