/**
 * The gateway's own authorities: one certifies people to the gateway (they log in on the native port without a token), one certifies the
 * gateway to targets (TrustedUserCAKeys). Certificates of people are for named targets, carry their login sealed, and allow nothing else.
 */
import { createHash } from 'node:crypto';
import { visible } from '../../base/visible-text.js';
import { GwError } from '../../contract/gw-error.js';
import type { ProtocolAuthorities } from '../../contract/protocol.js';
import { parseKeyLine } from './known-hosts.js';
import { keyOf, serverIdentity } from './server-identity.js';
import { type Certificate, makeCertificate, readCertificate } from './transport/certificate.js';
import { blobOf, keyType } from './transport/public-key.js';

/** Extension that holds the sealed login. */
const PASS = 'pass@gw';
const KEY_ID_LENGTH = 200;

/** Names a key to whoever seals something for it. */
const holderOf = (key: Buffer): string => `publickey-sha256-${createHash('sha256').update(key).digest('base64url')}`;

export const authorities: ProtocolAuthorities = {
  clients: {
    ...serverIdentity,
    issue: (authority, { publicKey, targets, subject, serial, notBefore, notAfter, pass }) => {
      const key = parseKeyLine(publicKey);
      if (key === null)
        throw new GwError(
          'usage.invalid',
          'It is no public key: `TYPE BASE64`, as in a .pub file (ssh-ed25519, ecdsa-sha2-…, or ssh-rsa of at least 2048 bits).',
        );
      const extensions = new Map([[PASS, pass(holderOf(key))]]);
      const certificate = makeCertificate(keyOf(authority.expose()), {
        ...{ key, serial, notBefore, notAfter, extensions },
        keyId: visible(subject).slice(0, KEY_ID_LENGTH),
        principals: targets,
      });
      return `${keyType(certificate)} ${certificate.toString('base64')}`;
    },
  },
  targets: serverIdentity,
};

export interface ClaimedPass {
  readonly certificate: Certificate;
  readonly pass: Buffer;
  readonly holder: string;
}

/** What is in a certificate of this gateway for `target`; null: it is none, or one for others. Nothing is proved but who signed it. */
export function claimedPass(blob: Buffer, target: string, authority: string): ClaimedPass | null {
  const certificate = readCertificate(blob, blobOf(keyOf(authority)));
  const pass = certificate?.extensions.get(PASS);
  if (certificate === null || pass === undefined || !certificate.principals.includes(target)) return null;
  return { certificate, pass, holder: holderOf(certificate.key) };
}
