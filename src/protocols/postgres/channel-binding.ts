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

/** Null when the certificate's signature algorithm names no hash (Ed25519, RSA-PSS): then there is no binding, as in libpq. */
export function serverEndPoint(certificate: Buffer): Buffer | null {
  const oid = signatureOid(certificate);
  const hash = oid === null ? undefined : HASH_BY_OID[oid];
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID … }, signature } */
function signatureOid(der: Buffer): string | null {
  const outer = header(der, 0);
  if (outer === null || outer.tag !== 0x30) return null;
  const tbs = header(der, outer.start);
  if (tbs === null) return null;
  const algorithm = header(der, tbs.end);
  if (algorithm === null || algorithm.tag !== 0x30) return null;
  const oid = header(der, algorithm.start);
  return oid === null || oid.tag !== 0x06 ? null : der.toString('hex', oid.start, oid.end);
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
