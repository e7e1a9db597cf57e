/**
 * The manifest of a pack: an in-toto Statement v1 that names every file by its SHA-256, with the scope as its predicate, in a DSSE envelope that the
 * keys of the audit log sign (Ed25519). `manifest.json` is the statement as it was signed. Pure; both are untrusted when read.
 */
import { hash, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { publicKeyBytes, publicKeyObject } from '../audit/index.js';
import { canonicalJson } from '../base/canonical-json.js';
import { isInnerPath } from '../base/inner-path.js';
import { EVIDENCE_FRAMEWORKS } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import { PACK_FORMAT, type PackScope } from './pack-scope.js';
import type { PackFile } from './pack-writer.js';

/** in-toto envelopes: DSSE `payloadType`. */
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'urn:gw:evidence-pack:v1';
const FILES = 1_000_000;

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.strictObject({ name: z.string().refine(isInnerPath), digest: z.strictObject({ sha256: hex64 }) })).max(FILES),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    format: z.string().max(100),
    gateway: z.string().max(300),
    version: z.string().max(100),
    framework: z.enum(EVIDENCE_FRAMEWORKS),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    session: z.string().max(100).nullable(),
    nonce: z.string().max(1_000),
    sample: z.int().min(1).max(1_000),
    logs: z.array(z.strictObject({ log: z.string().max(400), first: z.int().min(0), size: z.int().min(0), root: hex64 })).max(1_000),
  }),
});

export type Statement = z.output<typeof statementSchema>;

const envelopeSchema = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.string(),
  signatures: z.array(z.strictObject({ keyid: hex64, sig: z.string().max(200) })).max(100),
});

export function statementText(
  scope: PackScope,
  logs: readonly { readonly origin: string; readonly first: number; readonly size: number; readonly root: string }[],
  files: readonly PackFile[],
): string {
  const { gateway, version, framework, from, to, session, nonce, sample } = scope;
  const statement = {
    _type: STATEMENT_TYPE,
    subject: files.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: PREDICATE_TYPE,
    predicate: {
      format: PACK_FORMAT,
      gateway,
      version,
      framework,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      session,
      nonce,
      sample,
      logs: logs.map(({ origin, first, size, root }) => ({ log: origin, first, size, root })),
    },
  };
  return `${canonicalJson(statement)}\n`;
}

/** DSSE v1 pre-authentication encoding: what is signed. */
export function preAuthEncoding(payloadType: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload]);
}

/** SHA-256 of the 32 bytes of the public key, hex. */
function signingKeyId(key: Uint8Array): string {
  return hash('sha256', key, 'hex');
}

export function signStatement(text: string, keys: readonly KeyObject[]): string {
  const payload = Buffer.from(text, 'utf8');
  const encoded = preAuthEncoding(PAYLOAD_TYPE, payload);
  const signatures = keys.map((key) => ({ keyid: signingKeyId(publicKeyBytes(key)), sig: sign(null, encoded, key).toString('base64') }));
  return `${JSON.stringify({ payloadType: PAYLOAD_TYPE, payload: payload.toString('base64'), signatures })}\n`;
}

export interface OpenedManifest {
  readonly statement: Statement;
  readonly scope: PackScope;
  /** Public keys among those given that signed it. */
  readonly signers: readonly Buffer[];
}

/** @throws GwError `evidence.invalid` when one of the two is not of this form, or they differ */
export function openManifest(text: Buffer, envelope: Buffer, keys: readonly Buffer[]): OpenedManifest {
  const { payload, signatures } = parse(envelope, envelopeSchema, 'manifest.dsse.json is not a DSSE envelope of an in-toto statement');
  const bytes = Buffer.from(payload, 'base64');
  if (!bytes.equals(text) || bytes.toString('base64') !== payload) throw invalid('manifest.json is not what manifest.dsse.json holds');
  const statement = parse(text, statementSchema, 'manifest.json is not a statement of gw about an evidence pack');
  const encoded = preAuthEncoding(PAYLOAD_TYPE, bytes);
  const signers = keys.filter((key) =>
    signatures.some(({ keyid, sig }) => keyid === signingKeyId(key) && verify(null, encoded, publicKeyObject(key), Buffer.from(sig, 'base64'))),
  );
  const { gateway, version, framework, from, to, session, nonce, sample } = statement.predicate;
  return { statement, scope: { gateway, version, framework, from: Date.parse(from), to: Date.parse(to), session, nonce, sample }, signers };
}

/** Whose pack a manifest says it is, before anything of it is believed; empty when it says nothing. */
export function gatewayNamed(text: Buffer): string {
  try {
    const { predicate } = JSON.parse(text.toString('utf8')) as { predicate?: { gateway?: unknown } };
    return typeof predicate?.gateway === 'string' ? predicate.gateway : '';
  } catch {
    return '';
  }
}

function parse<T>(bytes: Buffer, schema: z.ZodType<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new GwError('evidence.invalid', `${what}: it is not JSON.`, { cause });
  }
  const read = schema.safeParse(value);
  if (!read.success) throw invalid(what);
  return read.data;
}

function invalid(what: string): GwError {
  return new GwError('evidence.invalid', `${what}.`);
}
