/**
 * Shows the logs of a gateway to a witness of somebody else (C2SP tlog-witness) and keeps the checkpoints that it cosigned. A witness that has seen another
 * history answers so; its answers are untrusted and bounded, and only a cosignature by the key that was given for it counts.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fetch } from 'undici';
import {
  cosignedFile,
  encodeAddCheckpoint,
  KEY_TYPE,
  LogFiles,
  parseCheckpoint,
  readSteadily,
  SIZE_TYPE,
  type VerifierKey,
  withCosignature,
} from '../audit/index.js';
import { syncDirectories, writeWhole } from '../base/durable-file.js';
import { consistencyProof } from '../base/merkle-proof.js';
import { readIfThere } from '../base/read-if-there.js';
import { readLimited } from '../base/read-limited.js';
import { GwError } from '../contract/gw-error.js';
import { readKeyFiles } from './audit-workbench.js';
import { listLogs, logDirectory } from './open-audit-trail.js';

export interface Submitted {
  readonly log: string;
  readonly size: number;
  /** Null: cosigned and kept. Otherwise why it was not. */
  readonly refused: string | null;
}

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES = 64 * 1024;
/** The size that is kept, the size that the witness says, and one that another client moved meanwhile. */
const ATTEMPTS = 3;

/**
 * @param log data directory of the gateway, or a copy of its `log`
 * @param url submission prefix of the witness
 * @param keyFile with the public key of the witness
 * @param kept directory of the cosigned checkpoints
 * @throws GwError `usage.invalid` | `audit.witness` when the witness gives no answer that means anything
 */
export async function submitLogs(log: string, url: string, keyFile: string, kept: string): Promise<Submitted[]> {
  const [witness] = (await readKeyFiles([keyFile])).filter(({ type }) => type === KEY_TYPE.witness);
  if (witness === undefined) throw new GwError('usage.invalid', `${keyFile} has no key of a witness.`, { hint: '`gw audit witness` prints its own.' });
  await mkdir(kept, { recursive: true, mode: 0o700 });
  const submitted: Submitted[] = [];
  for (const directory of await listLogs(logDirectory(log))) {
    submitted.push(await readSteadily(directory, () => submitLog(new LogFiles(directory), url, witness, kept)));
  }
  return submitted;
}

async function submitLog(files: LogFiles, url: string, witness: VerifierKey, kept: string): Promise<Submitted> {
  const bytes = await files.checkpoint();
  const parsed = bytes === null ? null : parseCheckpoint(bytes);
  if (bytes === null || parsed === null) return { log: files.directory, size: 0, refused: 'it has no checkpoint' };
  const { origin, size } = parsed.checkpoint;
  const file = cosignedFile(origin);
  const before = await readIfThere(join(kept, file));
  let old = Math.min(size, (before === null ? null : parseCheckpoint(Buffer.from(before)))?.checkpoint.size ?? 0);
  const note = bytes.toString('utf8');
  for (let attempt = 1; ; attempt++) {
    const first = await files.first();
    if (old > 0 && old < first)
      return { log: origin, size, refused: `the log was pruned up to entry ${first}, and the witness has seen ${old}: nothing shows that it continues them` };
    const proof = old === 0 || old === size ? [] : await consistencyProof(old, size, files.subtrees(size));
    const { status, type, body } = await post(`${url.replace(/\/$/, '')}/add-checkpoint`, encodeAddCheckpoint(old, proof, note));
    if (status === 200) {
      const cosigned = withCosignature(note, body, witness);
      if (cosigned === null)
        throw new GwError('audit.witness', `The witness answered for ${origin} with something that is not a cosignature of ${witness.name}.`);
      await writeWhole(kept, file, cosigned);
      await syncDirectories(kept, []);
      return { log: origin, size, refused: null };
    }
    const seen = status === 409 && type === SIZE_TYPE && /^(0|[1-9][0-9]{0,15})\n$/.test(body) ? Number(body) : null;
    if (seen !== null && seen > size) return { log: origin, size, refused: `the witness has seen ${seen} entries, and there are ${size} now` };
    if (seen !== null && seen !== old && attempt < ATTEMPTS) {
      old = seen;
      continue;
    }
    if (status !== 409 && status !== 422 && status !== 403 && status !== 404)
      throw new GwError('audit.witness', `The witness answered for ${origin} with status ${status}.`);
    return { log: origin, size, refused: reason(status, body) };
  }
}

function reason(status: number, body: string): string {
  const said = body.trim().slice(0, 200);
  if (status === 404) return `the witness does not know this log (${said})`;
  if (status === 403) return `the witness knows no key that signed it (${said})`;
  return `the witness has seen another history (${said})`;
}

async function post(url: string, body: string): Promise<{ readonly status: number; readonly type: string; readonly body: string }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'gw' },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = await readLimited(response.body, ANSWER_BYTES);
    if (answer === null) throw new GwError('audit.witness', `The witness answered with more than ${ANSWER_BYTES} bytes.`);
    return { status: response.status, type: response.headers.get('content-type') ?? '', body: answer.toString('utf8') };
  } catch (cause) {
    if (cause instanceof GwError) throw cause;
    throw new GwError('audit.witness', `The witness at ${url} could not be reached.`, { cause });
  }
}
