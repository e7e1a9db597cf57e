/**
 * A leaf of the log: RFC 8785 canonical JSON of what happened, in fields that are classed as public. Sensitive fields stay in the journal, whose
 * segment root is a leaf, so they are anchored without being shown: their names are in `apart`. Fields without a class are secret: their names
 * are in `dropped`, their values nowhere. Pure; a leaf that is read is untrusted.
 */
import { isUtf8 } from 'node:buffer';
import { canonicalJson, isCanonicalJson } from '../base/canonical-json.js';
import type { AuditFields } from './audit-events.js';
import { entryValue } from './entry-value.js';

export interface AuditLeaf {
  /** Version of the form. */
  readonly v: 1;
  /** Index in its log. */
  readonly n: number;
  /** RFC 3339 with milliseconds, UTC. Never earlier than in the leaf before. */
  readonly time: string;
  readonly kind: string;
  /** The journal of the process that wrote it. */
  readonly journal: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function encodeLeaf(leaf: AuditLeaf): Buffer {
  return Buffer.from(canonicalJson(leaf), 'utf8');
}

/** @returns null for what is no leaf, or one not in canonical form */
export function decodeLeaf(bytes: Buffer): AuditLeaf | null {
  const text = bytes.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return isLeaf(value) && isCanonicalJson(text, value) && isUtf8(bytes) ? value : null;
  } catch {
    // No JSON, or nested so deep that no writer of ours made it.
    return null;
  }
}

export function leafData(fields: AuditFields, data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const open: Record<string, unknown> = {};
  const apart: string[] = [];
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(data)) {
    if (value === undefined) continue;
    const fieldClass = Object.hasOwn(fields, name) ? fields[name] : 'secret';
    if (fieldClass === 'public') open[name] = entryValue(value);
    else if (fieldClass === 'sensitive') apart.push(name);
    else dropped.push(name);
  }
  if (apart.length > 0) open['apart'] = apart.sort();
  if (dropped.length > 0) open['dropped'] = dropped.sort();
  return open;
}

function isLeaf(value: unknown): value is AuditLeaf {
  if (typeof value !== 'object' || value === null) return false;
  const { v, n, time, kind, journal, data } = value as Partial<Record<keyof AuditLeaf, unknown>>;
  const texts = typeof time === 'string' && typeof kind === 'string' && typeof journal === 'string';
  return v === 1 && Number.isSafeInteger(n) && texts && !Number.isNaN(Date.parse(time)) && typeof data === 'object' && data !== null;
}
