/** What a pack is about, and the words that its format is made of. A pack of the same scope over the same log has the same bytes. Data only. */

import type { EvidenceFramework } from '../contract/evidence-types.js';

/** Raised when a file that is derived from log and journal changes its form: a verifier derives them anew and compares. */
export const PACK_FORMAT = 'gw-evidence-1';

export const FRAMEWORKS = {
  ffiec: 'FFIEC IT Examination Handbook',
  csf: 'NIST CSF 2.0',
  cri: 'CRI Profile 2.1',
  pci: 'PCI DSS 4.0.1',
  soc2: 'SOC 2 (TSC 2017)',
  nydfs: 'NYDFS 23 NYCRR 500',
  nist: 'NIST SP 800-53 Rev. 5',
  other: 'Other United States rules',
} as const satisfies Readonly<Record<Framework, string>>;

/** `other` stands in the crosswalk only: no pack is made for it. */
export type Framework = EvidenceFramework | 'other';

export interface PackScope {
  /** Name of the gateway: its logs are `NAME/0`, `NAME/1`, … */
  readonly gateway: string;
  /** Of gw, which wrote it. */
  readonly version: string;
  readonly framework: EvidenceFramework;
  /** Milliseconds since the epoch; `from` is in it, `to` is not. */
  readonly from: number;
  readonly to: number;
  /** Id of the only session that it is about; null: all of the period. */
  readonly session: string | null;
  /** Of the examiner: nobody else can foresee the sample. */
  readonly nonce: string;
  /** Items drawn from each population. */
  readonly sample: number;
}

export const MANIFEST = 'manifest.json';
export const ENVELOPE = 'manifest.dsse.json';
export const KEYS = 'keys/audit.pub';
/** The keys of sessions that are shown as a whole, where their journals are encrypted. */
export const SESSION_KEYS = 'keys/sessions.ndjson';
export const rotationPath = (number: number): string => `keys/rotation.${number}`;
export const VERIFY_SCRIPT = 'verify.sh';

/** What is proved by itself and that everything else is derived from. */
export const isRaw = (path: string): boolean => /^(log|journal|keys|policies)\//.test(path);

/** `2026-03-01T12:00:00.000Z`; null: empty. */
export const instant = (time: number | null): string => (time === null ? '' : new Date(time).toISOString());
