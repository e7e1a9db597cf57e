/** Checks of logs and envelopes that nobody here wrote: those of @sigstore/verify, as they are, with our keys as its trust. */
import { DSSESignatureContent } from '@sigstore/verify/dist/bundle/dsse.js';
import { verifyTLogInclusion } from '@sigstore/verify/dist/tlog/index.js';
import { KEY_TYPE, keyId, publicKeyObject } from '../../src/audit/note-key.js';

export interface Inclusion {
  /** The entry, byte for byte. */
  readonly leaf: Buffer;
  readonly index: number;
  readonly path: readonly Buffer[];
  /** A signed checkpoint. */
  readonly checkpoint: string;
}

/** Whether the entry is in the log of this name, whose checkpoint this key signed. Throws only what its verifier does not throw for what is wrong. */
export function isIncluded({ leaf, index, path, checkpoint }: Inclusion, origin: string, key: Buffer): boolean {
  const entry = {
    canonicalizedBody: leaf,
    inclusionProof: { logIndex: String(index), hashes: [...path], checkpoint: { envelope: checkpoint } },
  } as unknown as Parameters<typeof verifyTLogInclusion>[0];
  const always = { start: new Date(0), end: new Date(8.64e15) };
  try {
    verifyTLogInclusion(entry, [{ logID: keyId(origin, KEY_TYPE.log, key), baseURL: origin, publicKey: publicKeyObject(key), validFor: always }]);
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'TLOG_INCLUSION_PROOF_ERROR') return false;
    throw thrown;
  }
}

interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** Whether this key signed the DSSE envelope, whose fields are base64 text. */
export function isEnvelopeSigned({ payloadType, payload, signatures }: Envelope, key: Buffer): boolean {
  const decoded = signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') }));
  return new DSSESignatureContent({ payloadType, payload: Buffer.from(payload, 'base64'), signatures: decoded }).verifySignature(publicKeyObject(key));
}
