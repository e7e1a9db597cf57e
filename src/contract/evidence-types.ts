/** Evidence packs as command, API and gateway speak of them. Types and closed lists only. */

/** What a pack is made for: whose objectives its findings name. */
export const EVIDENCE_FRAMEWORKS = ['ffiec', 'csf', 'cri', 'pci', 'soc2', 'nydfs', 'nist'] as const;
export type EvidenceFramework = (typeof EVIDENCE_FRAMEWORKS)[number];

/** GET /api/v1/evidence. Times are milliseconds since the epoch. */
export interface EvidenceScope {
  readonly framework: EvidenceFramework;
  /** Null, for one session: from its begin to its end. */
  readonly from: number | null;
  /** Null: as late as possible. */
  readonly to: number | null;
  readonly session: string | null;
  readonly nonce: string;
  /** Items to draw from each population. */
  readonly sample: number;
}

export interface EvidenceCheck {
  readonly id: string;
  readonly claim: string;
  readonly detail: string;
}

/** What came of an export. */
export interface EvidenceExport {
  readonly gateway: string;
  readonly from: string;
  readonly to: string;
  readonly session: string | null;
  readonly files: number;
  readonly bytes: number;
  readonly sections: readonly { readonly section: string; readonly rows: number; readonly state: string }[];
  /** Checks that do not hold. */
  readonly failed: readonly EvidenceCheck[];
}

/**
 * The answer of the API: frames, each a line of JSON and, for `file`, so many bytes after it. A pack is whole when `end` came; an answer that
 * breaks off before is none.
 */
export type EvidenceFrame =
  | { readonly kind: 'progress'; readonly what: string; readonly part: number }
  | { readonly kind: 'file'; readonly path: string; readonly bytes: number; readonly last: boolean }
  | { readonly kind: 'end'; readonly result: EvidenceExport };
