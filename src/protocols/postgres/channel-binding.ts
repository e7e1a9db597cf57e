/**
 * tls-server-end-point (RFC 5929 section 4): the hash of the server's certificate by the hash of its own signature algorithm, SHA-256 where
 * that is MD5 or SHA-1. Node does not tell the signature algorithm, so the outer AlgorithmIdentifier is read from the DER here.
 */
import { createHash } from 'node:crypto';

/** Hash by the DER bytes of the signature algorithm's OID. */
const HASH_BY_OID: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

const RSA_PSS = '2a864886f70d01010a';

/** Hash by the DER bytes of its own OID, as the parameters of RSA-PSS name it. */
const PSS_HASH: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha256', // SHA-1
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/** Null when the certificate's signature algorithm names no hash (Ed25519) or is not known: then there is no binding. */
export function serverEndPoint(certificate: Buffer): Buffer | null {
  const hash = signatureHash(certificate);
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature } */
function signatureHash(der: Buffer): string | undefined {
  const algorithm = signatureAlgorithm(der);
  if (algorithm === null) return undefined;
  const oid = header(der, algorithm.start);
  const name = oidAt(der, algorithm.start);
  if (name !== RSA_PSS || oid === null) return name === null ? undefined : HASH_BY_OID[name];
  // RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, … } (RFC 4055 section 3.1)
  const parameters = header(der, oid.end);
  if (parameters === null || parameters.tag !== 0x30) return undefined;
  const first = parameters.start < parameters.end ? header(der, parameters.start) : null;
  if (first === null || first.tag !== 0xa0) return 'sha256';
  const hash = header(der, first.start);
  const hashName = hash === null || hash.tag !== 0x30 ? null : oidAt(der, hash.start);
  return hashName === null ? undefined : PSS_HASH[hashName];
}

function oidAt(der: Buffer, at: number): string | null {
  const oid = header(der, at);
  return oid === null || oid.tag !== 0x06 ? null : der.toString('hex', oid.start, oid.end);
}

function signatureAlgorithm(der: Buffer): { start: number } | null {
  const outer = header(der, 0);
  if (outer === null || outer.tag !== 0x30) return null;
  const tbs = header(der, outer.start);
  if (tbs === null) return null;
  const algorithm = header(der, tbs.end);
  return algorithm === null || algorithm.tag !== 0x30 ? null : algorithm;
}

function header(der: Buffer, at: number): { tag: number; start: number; end: number } | null {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return null;
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3 || start + count > der.length) return null;
    length = der.readUIntBE(start, count);
    start += count;
  }
  return start + length <= der.length ? { tag, start, end: start + length } : null;
}
