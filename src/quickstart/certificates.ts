/**
 * The world's own certificate authority and what it vouches for: the gateway and the target, on this machine only (localhost, 127.0.0.1,
 * ::1). The authority's key stays in DIR and is for nothing else; no trust store of the system is touched.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { readIfThere } from '../base/read-if-there.js';
import { Secret } from '../base/secret.js';
import { writePrivately } from './secret-file.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const LEAF_DAYS = 397;
/** A leaf with less life left than this is replaced at the next start. */
const RENEW_DAYS = 30;
/** Certificates begin a little in the past, for clocks that differ. */
const BACKDATE_MS = 3_600_000;

export interface CertificatePair {
  /** PEM. */
  readonly certificate: string;
  readonly key: Secret;
}

export interface Authority {
  /** PEM of the authority's certificate: what clients are told to trust. */
  readonly certificate: string;
  /** A new certificate for a server on this machine. */
  issue(commonName: string): Promise<CertificatePair>;
}

/** The authority kept in `directory` (`authority.pem`, `authority-key.pem`), made when there is none. */
export async function openAuthority(directory: string): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const certificateFile = join(directory, 'authority.pem');
  const keyFile = join(directory, 'authority-key.pem');
  const [storedCertificate, storedKey] = await Promise.all([readIfThere(certificateFile), readIfThere(keyFile)]);
  if (storedCertificate !== null && storedKey !== null && daysLeft(storedCertificate) > LEAF_DAYS) {
    const key = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(storedKey), ALGORITHM, true, ['sign']);
    return authority(storedCertificate, key);
  }
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // The number tells apart the authorities of several worlds on one machine.
    name: [{ O: ['gw quickstart'] }, { CN: [`gw quickstart authority ${serialNumber().slice(0, 8)}`] }],
    ...validity(AUTHORITY_DAYS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const certificate = `${made.toString('pem')}\n`;
  await writePrivately(keyFile, await privateKeyPem(keys.privateKey));
  await writePrivately(certificateFile, certificate);
  return authority(certificate, keys.privateKey);
}

/** The pair kept in two files, renewed from the authority when it is absent, expiring, or vouched for by another authority. */
export async function keptCertificate(issuer: Authority, commonName: string, certificateFile: string, keyFile: string): Promise<CertificatePair> {
  const [certificate, key] = await Promise.all([readIfThere(certificateFile), readIfThere(keyFile)]);
  if (certificate !== null && key !== null && daysLeft(certificate) > RENEW_DAYS && (await isIssuedBy(certificate, issuer.certificate)))
    return { certificate, key: new Secret(key) };
  const made = await issuer.issue(commonName);
  await writePrivately(keyFile, made.key.expose());
  await writePrivately(certificateFile, made.certificate);
  return made;
}

function authority(certificate: string, signingKey: webcrypto.CryptoKey): Authority {
  const parent = new x509.X509Certificate(certificate);
  return {
    certificate,
    issue: async (commonName) => {
      const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: [{ O: ['gw quickstart'] }, { CN: [commonName] }],
        issuer: parent.subject,
        ...validity(LEAF_DAYS),
        publicKey: keys.publicKey,
        signingKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
            { type: 'ip', value: '::1' },
          ]),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
          await x509.AuthorityKeyIdentifierExtension.create(parent),
        ],
      });
      return { certificate: `${leaf.toString('pem')}\n`, key: new Secret(await privateKeyPem(keys.privateKey)) };
    },
  };
}

async function isIssuedBy(certificate: string, issuer: string): Promise<boolean> {
  return new x509.X509Certificate(certificate).verify({ publicKey: new x509.X509Certificate(issuer), signatureOnly: true });
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function daysLeft(certificate: string): number {
  return (new x509.X509Certificate(certificate).notAfter.getTime() - Date.now()) / DAY_MS;
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** 16 random bytes in hex, positive as a DER integer. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
