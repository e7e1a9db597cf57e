/** What the routes of certificates are given by the composition root. */
import type { Identity } from '../contract/identity.js';

export interface CertificateDesk {
  /** Public keys by which targets know the gateway, for each protocol that has such. */
  authorities(): readonly { readonly protocol: string; readonly targets: string }[];
  newSerial(): bigint;
  /** One line of text. @throws GwError `usage.invalid` */
  issue(request: {
    readonly identity: Identity;
    readonly protocol: string;
    readonly publicKey: string;
    readonly targets: readonly string[];
    readonly serial: bigint;
  }): string;
}
