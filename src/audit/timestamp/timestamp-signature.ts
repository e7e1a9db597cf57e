/**
 * Who signed a timestamp, and whether rightly: the signature over the signed attributes (RFC 5652 section 5.4), the attributes over the content, the
 * binding to the certificate (RFC 5035 through RFC 5816), and the way from that certificate to one that is trusted. Nothing is asked of a network:
 * revocation is not looked at. Pure. The token is untrusted.
 */
import { constants, hash, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { GwError } from '../../contract/gw-error.js';
import { DerReader, malformed, TAG } from './der-reader.js';
import type { TimestampSigner, TimestampToken } from './timestamp-token.js';

/** Object identifiers of the digests that count. SHA-1 does not. */
export const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

const RSA = '1.2.840.113549.1.1.1';
const RSA_PSS = '1.2.840.113549.1.1.10';
const ED25519 = '1.3.101.112';
/** Signature algorithms that name their digest. */
const WITH_DIGEST: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const RSA_BITS = 2048;
const PATH = 8;

/**
 * @param roots certificates that are trusted; none: the way to one is not looked for
 * @returns the certificate that signed
 * @throws GwError `audit.invalid`
 */
export function checkTimestampSignature(token: TimestampToken, roots: readonly X509Certificate[]): X509Certificate {
  const { signer, content, info } = token;
  const certificates = token.certificates.map(readCertificate);
  const at = certificates.findIndex((each, index) => isOf(signer, each, token.certificates[index] as Buffer));
  const own = certificates[at];
  if (own === undefined) throw wrong('the certificate that signed it is not in it');
  checkAttributes(signer, content, token.certificates[at] as Buffer);
  if (!verifySignature(signer, own.publicKey)) throw wrong('its signature is not that of its certificate');
  checkUsage(own);
  if (roots.length > 0) checkPath(own, certificates, roots, info.time);
  return own;
}

/** PEM text with any number of certificates. @throws GwError `config.invalid` */
export function readCertificates(pem: string, what: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (found.length > 0) return found.map((each) => new X509Certificate(each));
  } catch (cause) {
    throw new GwError('config.invalid', `${what} has a certificate that cannot be read.`, { cause });
  }
  throw new GwError('config.invalid', `${what} has no certificate.`, { hint: 'Give a PEM file with the certificates of the timestamp authority.' });
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new GwError('audit.invalid', 'The timestamp is damaged: a certificate in it cannot be read.', { cause });
  }
}

function isOf({ issuer, serial, subjectKey }: TimestampSigner, certificate: X509Certificate, der: Buffer): boolean {
  const fields = tbsFields(der);
  if (issuer !== null && serial !== null) return fields.issuer.equals(issuer) && fields.serial.equals(serial);
  // 2.5.29.14: the subject key identifier, an OCTET STRING in an OCTET STRING.
  const identifier = fields.extensions.get('2.5.29.14')?.value;
  return subjectKey !== null && identifier !== undefined && new DerReader(identifier).next(TAG.octets).content.equals(subjectKey) && certificate.subject !== '';
}

function checkAttributes({ attributes, digestAlgorithm }: TimestampSigner, content: Buffer, certificate: Buffer): void {
  const type = attributes.get(ATTRIBUTE.contentType);
  if (type === undefined || new DerReader(type.whole).object() !== TST_INFO) throw wrong('its signature is over something else');
  const digest = DIGESTS[digestAlgorithm];
  const message = attributes.get(ATTRIBUTE.messageDigest);
  if (digest === undefined) throw wrong('its digest is none that counts (SHA-256, SHA-384, SHA-512)');
  if (message?.tag !== TAG.octets || !message.content.equals(hash(digest, content, 'buffer'))) throw wrong('its content is not the one that was signed');
  if (!namesCertificate(attributes, certificate)) throw wrong('its signature does not name the certificate');
}

/** The first ESSCertID or ESSCertIDv2 is that of the certificate. SHA-1 in the older form only says which certificate is meant. */
function namesCertificate(attributes: TimestampSigner['attributes'], certificate: Buffer): boolean {
  const second = attributes.get(ATTRIBUTE.signingCertificateV2);
  const value = second ?? attributes.get(ATTRIBUTE.signingCertificate);
  if (value?.tag !== TAG.sequence) return false;
  const id = new DerReader(value.content).sequence().sequence();
  if (second === undefined) return id.next(TAG.octets).content.equals(hash('sha1', certificate, 'buffer'));
  const algorithm = id.optional(TAG.sequence);
  const digest = algorithm === null ? 'sha256' : DIGESTS[new DerReader(algorithm.content).object()];
  return digest !== undefined && id.next(TAG.octets).content.equals(hash(digest, certificate, 'buffer'));
}

function verifySignature({ signatureAlgorithm, signatureParameters, digestAlgorithm, signed, signature }: TimestampSigner, key: KeyObject): boolean {
  const kind = key.asymmetricKeyType;
  if ((kind === 'rsa' || kind === 'rsa-pss') && (key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS) throw wrong('the key that signed it is too short');
  if (signatureAlgorithm === ED25519) return kind === 'ed25519' && verify(null, signed, key, signature);
  const digest = signatureAlgorithm === RSA || signatureAlgorithm === RSA_PSS ? DIGESTS[digestAlgorithm] : WITH_DIGEST[signatureAlgorithm];
  if (digest === undefined) throw wrong('it is signed in a way that does not count');
  if (signatureAlgorithm === RSA_PSS) {
    if ((kind !== 'rsa' && kind !== 'rsa-pss') || pssDigest(signatureParameters) !== digest) return false;
    return verify(digest, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature);
  }
  const wanted = signatureAlgorithm.startsWith('1.2.840.10045.') ? 'ec' : 'rsa';
  return kind === wanted && verify(digest, signed, key, signature);
}

/** RFC 4055 section 3.1: `[0]` is the digest; left out it would be SHA-1. */
function pssDigest(parameters: Buffer | null): string | undefined {
  if (parameters === null) return undefined;
  const algorithm = new DerReader(parameters).sequence().optional(0xa0);
  return algorithm === null ? undefined : DIGESTS[new DerReader(algorithm.content).sequence().object()];
}

/** RFC 3161 section 2.3: timestamping is the one thing that the key is for, and the certificate says so critically. */
function checkUsage(certificate: X509Certificate): void {
  const extension = tbsFields(certificate.raw).extensions.get(EXTENDED_KEY_USAGE);
  const purposes: string[] = [];
  if (extension !== undefined) {
    const reader = new DerReader(extension.value).sequence();
    while (!reader.done) purposes.push(reader.object());
  }
  if (extension?.critical !== true || purposes.length !== 1 || purposes[0] !== TIME_STAMPING) throw wrong('its certificate is not one for timestamps');
}

/** Each certificate on the way was valid when the time was told, signed by the next, and the last is trusted. */
function checkPath(own: X509Certificate, carried: readonly X509Certificate[], roots: readonly X509Certificate[], time: number): void {
  let current = own;
  for (let depth = 0; depth < PATH; depth++) {
    const here = current;
    if (time < Date.parse(here.validFrom) || time > Date.parse(here.validTo)) throw wrong('a certificate was not valid at its time');
    if (roots.some((root) => root.raw.equals(here.raw))) return;
    const issues = (each: X509Certificate): boolean => each.ca && here.checkIssued(each) && here.verify(each.publicKey);
    const next = roots.find(issues) ?? carried.find((each) => !each.raw.equals(here.raw) && issues(each));
    if (next === undefined) break;
    current = next;
  }
  throw wrong('its certificate does not lead to an authority given');
}

interface TbsFields {
  readonly issuer: Buffer;
  readonly serial: Buffer;
  readonly extensions: ReadonlyMap<string, { readonly critical: boolean; readonly value: Buffer }>;
}

/** What node:crypto does not tell of a certificate (RFC 5280 section 4.1). */
function tbsFields(der: Buffer): TbsFields {
  const tbs = new DerReader(der).sequence().sequence();
  tbs.optional(0xa0);
  const serial = tbs.next(TAG.integer).content;
  tbs.next(TAG.sequence);
  const issuer = tbs.next(TAG.sequence).whole;
  const extensions = new Map<string, { critical: boolean; value: Buffer }>();
  while (!tbs.done) {
    const field = tbs.next();
    if (field.tag !== 0xa3) continue;
    const list = new DerReader(field.content).sequence();
    while (!list.done) {
      const extension = list.sequence();
      const name = extension.object();
      const critical = extension.optional(TAG.boolean);
      if (extensions.has(name)) throw malformed('a certificate has an extension twice');
      extensions.set(name, { critical: critical?.content[0] === 0xff, value: extension.next(TAG.octets).content });
    }
  }
  return { issuer, serial, extensions };
}

function wrong(what: string): GwError {
  return new GwError('audit.invalid', `The timestamp does not hold: ${what}.`);
}
