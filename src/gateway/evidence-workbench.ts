/**
 * Evidence packs where they or the files that they are made of lie: exported out of the data directory of a gateway or a copy of it, and verified, with no
 * gateway. A running gateway makes packs through its API, with the texts of its policies.
 */
import type { KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_TYPE, readBounded, readRotations, readSigningKey } from '../audit/index.js';
import { readIfThere } from '../base/read-if-there.js';
import type { EvidenceExport, EvidenceScope } from '../contract/evidence-types.js';
import { GwError } from '../contract/gw-error.js';
import { type ExportRequest, exportPack, type PackSink, type PackVerification, verifyPack } from '../evidence/index.js';
import { keptCheckpoint, readKeyFiles } from './audit-workbench.js';
import { createPackTools } from './evidence-tools.js';
import { journalDirectory, keyringBeside } from './journal-keys.js';
import { logDirectory, logsBelow } from './open-audit-trail.js';
import { packageVersion } from './package-version.js';

/** The keys that lie in a pack. */
const OWN_KEYS_BYTES = 1 << 20;

export type EvidenceProgress = (what: string, part: number) => void;

export interface OfflineExport {
  /** Data directory of a gateway, or a copy of its `log` and `journal`. */
  readonly data: string;
  /** File with the key that signs, in hex; null: the one that the gateway keeps in its data directory. */
  readonly keyFile: string | null;
  readonly scope: EvidenceScope;
}

/** @throws GwError `usage.invalid` when there is nothing to export or no key to sign with; what `exportPack` throws */
export async function exportOffline({ data, keyFile, scope }: OfflineExport, out: PackSink, progress: EvidenceProgress): Promise<EvidenceExport> {
  const logs = await logsBelow(data, '--data');
  const request: ExportRequest = {
    logs,
    journalDir: journalDirectory(data),
    journalKeys: await keyringBeside(data),
    rotations: await readRotations(logDirectory(data)),
    keys: [await signingKey(data, keyFile)],
    // They are in the state database, which only the gateway reaches.
    policy: () => Promise.resolve(null),
    scope: { ...scope, version: packageVersion() },
  };
  return exportPack(request, createPackTools(progress), out);
}

async function signingKey(data: string, keyFile: string | null): Promise<KeyObject> {
  const path = keyFile ?? join(data, 'audit-key');
  const seed = await readIfThere(path);
  if (seed === null)
    throw new GwError('usage.invalid', `There is no key in ${path} to sign the pack with.`, {
      hint: 'Name the file with the key of the audit log with --signing-key.',
    });
  return readSigningKey(seed.trim(), `The key in ${path}`);
}

export interface PackCheck {
  readonly pack: string;
  /** Files with keys, one a line. None: the keys that lie in the pack itself. */
  readonly keyFiles: readonly string[];
  readonly checkpointFiles: readonly string[];
}

/** @throws GwError `evidence.invalid` when there is no pack that could be looked into; `usage.invalid` for a file that is not what it should be */
export async function verifyEvidence({ pack, keyFiles, checkpointFiles }: PackCheck, progress: EvidenceProgress): Promise<PackVerification> {
  const own = join(pack, 'keys', 'audit.pub');
  const manifest = await stat(join(pack, 'manifest.json')).catch((cause: unknown) => {
    throw noPack(pack, cause);
  });
  if (!manifest.isFile()) throw noPack(pack);
  if (keyFiles.length === 0 && (await readBounded(own, OWN_KEYS_BYTES)) === null)
    throw new GwError('evidence.invalid', `The pack in ${pack} has no keys/audit.pub.`, { hint: 'Give what `gw audit key` printed, with --key.' });
  const keys = await readKeyFiles(keyFiles.length === 0 ? [own] : keyFiles);
  const kept = await Promise.all(checkpointFiles.map((file) => keptCheckpoint(file, keys)));
  const counted = keys.filter(({ type }) => type === KEY_TYPE.log).map(({ key }) => key);
  const found = await verifyPack(pack, { keys: counted, known: kept.map(({ checkpoint }) => checkpoint) }, createPackTools(progress));
  if (keyFiles.length > 0) return found;
  const notice = 'No key was given: the one in the pack was taken, which anyone who makes a pack can put there. Give what `gw audit key` printed, with --key.';
  return { ...found, notices: [notice, ...found.notices] };
}

const noPack = (pack: string, cause?: unknown): GwError =>
  new GwError('usage.invalid', `There is no evidence pack in ${pack}: it has no manifest.json.`, { cause });
