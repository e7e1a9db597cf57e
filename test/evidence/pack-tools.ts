/** What tests do with packs: verify them in both ways, change them, and sign them again as somebody with a key would. */
import { execFile } from 'node:child_process';
import { createHash, type KeyObject } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { canonicalJson } from '../../src/base/canonical-json.js';
import type { EvidenceExport, EvidenceScope } from '../../src/contract/evidence-types.js';
import { GwError } from '../../src/contract/gw-error.js';
import { signStatement } from '../../src/evidence/manifest.js';
import { exportOffline, verifyEvidence } from '../../src/gateway/evidence-workbench.js';
import { ROOT } from '../support/build-cli.js';

export interface Verdicts {
  /** Claims that fail, as `gw evidence verify` says them. */
  readonly gw: readonly string[];
  readonly script: { readonly code: number; readonly text: string };
}

/** A pack of a data directory, with no gateway. */
export async function exportData(data: string, pack: string, scope: Partial<EvidenceScope>): Promise<{ readonly pack: string; readonly made: EvidenceExport }> {
  const whole = { framework: 'soc2', from: null, to: null, session: null, nonce: 'n', sample: 25, ...scope } satisfies EvidenceScope;
  const write = async (path: string, bytes: Buffer): Promise<void> => {
    await mkdir(dirname(join(pack, path)), { recursive: true });
    await appendFile(join(pack, path), bytes);
  };
  return { pack, made: await exportOffline({ data, keyFile: null, scope: whole }, { write }, () => undefined) };
}

/** Both verifiers over a pack; the script is that of the repository and not the pack's own. */
export async function verifyBoth(pack: string, keyFile: string, checkpoints: readonly string[] = []): Promise<Verdicts> {
  return { gw: await claimsOf(pack, keyFile, checkpoints), script: await runScript(pack, keyFile, checkpoints) };
}

async function claimsOf(pack: string, keyFile: string, checkpointFiles: readonly string[]): Promise<string[]> {
  try {
    const { problems } = await verifyEvidence({ pack, keyFiles: [keyFile], checkpointFiles }, () => undefined);
    return [...new Set(problems.map(({ claim }) => claim))].sort();
  } catch (thrown) {
    const error = GwError.from(thrown);
    if (error.code !== 'evidence.invalid') throw thrown;
    return ['unreadable'];
  }
}

export function runScript(pack: string, keyFile: string | null, checkpoints: readonly string[] = []): Promise<{ code: number; text: string }> {
  const args = [...(keyFile === null ? [] : ['--key', keyFile]), ...checkpoints.flatMap((file) => ['--checkpoint', file]), pack];
  return new Promise((resolve) => {
    execFile('sh', [join(ROOT, 'evidence', 'verify.sh'), ...args], { maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    );
  });
}

export async function withCopy<T>(pack: string, use: (copy: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gw-pack-'));
  const copy = join(folder, 'pack');
  try {
    await cp(pack, copy, { recursive: true });
    return await use(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function filesOf(pack: string): Promise<string[]> {
  const entries = await readdir(pack, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(pack, join(entry.parentPath, entry.name)))
    .sort();
}

export async function digestsOf(pack: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const file of await filesOf(pack))
    digests[file] = createHash('sha256')
      .update(await readFile(join(pack, file)))
      .digest('hex');
  return digests;
}

/** Makes the manifest anew over what is there, as somebody does who has changed it. */
export async function signAgain(pack: string, key: KeyObject, change: (predicate: Record<string, unknown>) => void = () => undefined): Promise<void> {
  const statement = JSON.parse(await readFile(join(pack, 'manifest.json'), 'utf8')) as { subject: unknown; predicate: Record<string, unknown> };
  const digests = Object.entries(await digestsOf(pack)).filter(([name]) => !name.startsWith('manifest.'));
  statement.subject = digests.map(([name, sha256]) => ({ name, digest: { sha256 } }));
  change(statement.predicate);
  const text = `${canonicalJson(statement)}\n`;
  await writeFile(join(pack, 'manifest.json'), text);
  await writeFile(join(pack, 'manifest.dsse.json'), signStatement(text, [key]));
}

/** Rewrites a text file of the pack; the change must be one. */
export async function edit(pack: string, file: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(join(pack, file), 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`nothing was changed in ${file}`);
  await writeFile(join(pack, file), after);
}

/** Lines of a CSV file without line breaks in cells. */
export const lines = (text: string): string[] => text.trimEnd().split('\n');
