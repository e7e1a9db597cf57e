/** Certificates for clients of the native ports: the login of who asks, sealed for the key that it names, good for the targets that it names. */
import { randomBytes } from 'node:crypto';
import type { CertificateDesk } from '../api/index.js';
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import { type IdentityPasses, subjectKey } from '../contract/identity.js';
import type { Protocol } from '../contract/protocol.js';
import type { AuthorityKeys } from './authority-keys.js';

/** Clocks differ. */
const CLOCKS_MS = 60_000;

export interface CertificateDeskOptions {
  readonly protocols: ReadonlyMap<string, Protocol>;
  readonly keys: ReadonlyMap<string, AuthorityKeys>;
  readonly passes: IdentityPasses;
  readonly clock: Clock;
}

export function createCertificateDesk({ protocols, keys, passes, clock }: CertificateDeskOptions): CertificateDesk {
  const of = (kind: string) => {
    const authorities = protocols.get(kind)?.authorities;
    const secrets = keys.get(kind);
    if (authorities === undefined || authorities === null || secrets === undefined)
      throw new GwError('usage.invalid', 'There are no certificates in this protocol here.', { hint: 'Run `gw ls` for the targets and their protocols.' });
    return { authorities, secrets };
  };
  return {
    authorities: () =>
      [...keys].map(([protocol, { targets }]) => ({ protocol, targets: protocols.get(protocol)?.authorities?.targets.describe(targets.expose()) ?? '' })),
    issue: ({ identity, protocol, publicKey, targets, serial }) => {
      const { authorities, secrets } = of(protocol);
      return authorities.clients.issue(secrets.clients, {
        publicKey,
        targets,
        subject: subjectKey(identity),
        serial,
        notBefore: clock.now() - CLOCKS_MS,
        notAfter: identity.expiresAt,
        pass: (holder) => passes.issue(identity, holder),
      });
    },
    newSerial: () => randomBytes(8).readBigUInt64BE(),
  };
}
