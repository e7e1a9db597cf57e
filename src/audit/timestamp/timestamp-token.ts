/**
 * The answer of a timestamp authority as data: TimeStampResp (RFC 3161 section 2.4.2) with a SignedData (RFC 5652 section 5) around a TSTInfo. Reads
 * and bounds; whether the signature is right is for `timestamp-signature`. Pure. The input is untrusted.
 */
import { GwError } from '../../contract/gw-error.js';
import { DerReader, type DerValue, malformed, TAG, unsigned } from './der-reader.js';

/** Largest response that is looked at, bytes. Real ones take 2 to 8 KiB. */
export const RESPONSE_BYTES = 64 * 1024;
const CERTIFICATES = 16;
const ATTRIBUTES = 32;

const OID = { signedData: '1.2.840.113549.1.7.2', tstInfo: '1.2.840.113549.1.9.16.1.4' } as const;

/** TSTInfo, RFC 3161 section 2.4.2. */
export interface TimestampInfo {
  readonly policy: string;
  readonly imprint: { readonly algorithm: string; readonly digest: Buffer };
  readonly serial: bigint;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** How far `time` may be off, milliseconds. */
  readonly accuracy: number;
  readonly nonce: bigint | null;
}

/** SignerInfo, RFC 5652 section 5.3. */
export interface TimestampSigner {
  /** Issuer's name and serial number as DER, or the subject key identifier. */
  readonly issuer: Buffer | null;
  readonly serial: Buffer | null;
  readonly subjectKey: Buffer | null;
  readonly digestAlgorithm: string;
  /** Values of signed attributes by object identifier: exactly one each. */
  readonly attributes: ReadonlyMap<string, DerValue>;
  /** The signed attributes as they are signed: a DER SET OF. */
  readonly signed: Buffer;
  readonly signatureAlgorithm: string;
  /** Parameters of the signature algorithm as DER, if any. */
  readonly signatureParameters: Buffer | null;
  readonly signature: Buffer;
}

export interface TimestampToken {
  readonly info: TimestampInfo;
  /** TSTInfo as it is signed. */
  readonly content: Buffer;
  /** X.509 certificates, DER. */
  readonly certificates: readonly Buffer[];
  readonly signer: TimestampSigner;
}

/** @throws GwError `audit.invalid` for what is no such response, or one that refuses */
export function parseTimestampResponse(bytes: Buffer): TimestampToken {
  if (bytes.length > RESPONSE_BYTES) throw malformed(`it takes ${bytes.length} bytes; at most ${RESPONSE_BYTES} are read`);
  const outer = new DerReader(bytes);
  const response = outer.sequence();
  outer.end();
  const status = response.sequence().integer();
  if (status > 1n) throw new GwError('audit.invalid', `The timestamp authority refused: its answer has the status ${status}.`);
  const contentInfo = response.sequence();
  response.end();
  if (contentInfo.object() !== OID.signedData) throw malformed('its token is not signed data');
  const signedData = new DerReader(contentInfo.next(0xa0).content);
  contentInfo.end();
  return parseSignedData(signedData.sequence());
}

function parseSignedData(data: DerReader): TimestampToken {
  data.integer();
  data.next(TAG.set);
  const encapsulated = data.sequence();
  if (encapsulated.object() !== OID.tstInfo) throw malformed('what is signed is not a time');
  const content = new DerReader(encapsulated.next(0xa0).content).next(TAG.octets).content;
  const certificates: Buffer[] = [];
  const carried = data.optional(0xa0);
  if (carried !== null) {
    const reader = new DerReader(carried.content);
    while (!reader.done) {
      if (certificates.length === CERTIFICATES) throw malformed(`it has more than ${CERTIFICATES} certificates`);
      const { tag, whole } = reader.next();
      // Other kinds of certificates (RFC 5652 section 10.2.2) are none that a timestamp authority has.
      if (tag === TAG.sequence) certificates.push(whole);
    }
  }
  data.optional(0xa1);
  const signers = new DerReader(data.next(TAG.set).content);
  data.end();
  const signer = parseSigner(signers.sequence());
  // RFC 3161 section 2.4.2: the token has the signature of the authority and no other.
  signers.end();
  return { info: parseInfo(content), content, certificates, signer };
}

function parseSigner(info: DerReader): TimestampSigner {
  info.integer();
  const id = info.next();
  const byIssuer = id.tag === TAG.sequence ? new DerReader(id.content) : null;
  const issuer = byIssuer?.next(TAG.sequence).whole ?? null;
  const serial = byIssuer?.next(TAG.integer).content ?? null;
  const digestAlgorithm = info.sequence().object();
  const signedAttributes = info.next(0xa0);
  const attributes = new Map<string, DerValue>();
  const reader = new DerReader(signedAttributes.content);
  while (!reader.done) {
    if (attributes.size === ATTRIBUTES) throw malformed(`it has more than ${ATTRIBUTES} signed attributes`);
    const attribute = reader.sequence();
    const name = attribute.object();
    const values = new DerReader(attribute.next(TAG.set).content);
    if (attributes.has(name)) throw malformed('a signed attribute is there twice');
    attributes.set(name, values.next());
    values.end();
  }
  const algorithm = info.sequence();
  const signatureAlgorithm = algorithm.object();
  const signatureParameters = algorithm.done ? null : algorithm.next().whole;
  const signature = info.next(TAG.octets).content;
  // RFC 5652 section 5.4: what is signed has the tag of a SET OF in the place of the implicit one.
  const signed = Buffer.from(signedAttributes.whole);
  signed[0] = TAG.set;
  const subjectKey = id.tag === 0x80 ? id.content : null;
  return { issuer, serial, subjectKey, digestAlgorithm, attributes, signed, signatureAlgorithm, signatureParameters, signature };
}

function parseInfo(bytes: Buffer): TimestampInfo {
  const outer = new DerReader(bytes);
  const info = outer.sequence();
  outer.end();
  if (info.integer() !== 1n) throw malformed('it is of an unknown version');
  const policy = info.object();
  const imprint = info.sequence();
  const algorithm = imprint.sequence().object();
  const digest = imprint.next(TAG.octets).content;
  const serial = info.integer();
  const time = parseTime(info.next(TAG.generalizedTime).content.toString('latin1'));
  const accuracy = info.optional(TAG.sequence);
  info.optional(TAG.boolean);
  const nonce = info.optional(TAG.integer);
  return {
    policy,
    imprint: { algorithm, digest },
    serial,
    time,
    accuracy: accuracy === null ? 0 : parseAccuracy(new DerReader(accuracy.content)),
    nonce: nonce === null ? null : unsigned(nonce.content),
  };
}

/** RFC 3161 section 2.4.2: seconds, `[0]` milliseconds, `[1]` microseconds, each optional. */
function parseAccuracy(reader: DerReader): number {
  const part = (tag: number): number => {
    const value = reader.optional(tag);
    return value === null ? 0 : Number(unsigned(value.content));
  };
  return part(TAG.integer) * 1000 + part(0x80) + Math.ceil(part(0x81) / 1000);
}

/** GeneralizedTime in UTC, with a fraction or without. */
function parseTime(text: string): number {
  const [, year, month, day, hour, minute, second, fraction = ''] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/.exec(text) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`);
  if (Number.isNaN(time)) throw malformed('its time is none');
  return time;
}
