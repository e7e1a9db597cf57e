/**
 * Puts an export where the user wants it. A file appears under its name only when it is whole, readable for its owner alone; an interrupted
 * export leaves none. At a terminal nothing recorded acts on it. Untrusted: what the gateway sends.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { errorCode } from '../../base/error-code.js';
import { fileProblem } from '../../base/file-problem.js';
import { GwError } from '../../contract/gw-error.js';
import { leaveNothing } from '../leave-nothing.js';
import { isDataTerminal, visibleLines } from '../terminal.js';
import { type ExportEnd, exportEnd } from './export-end.js';

/** Bytes at the end that are looked at: the verdict's line is the last one. */
const TAIL = 1 << 20;

export interface SavedExport {
  readonly bytes: number;
  readonly end: Exclude<ExportEnd, 'missing'>;
}

/** @throws GwError `gateway.unreachable` when the export is not whole; `usage.invalid` when the file cannot be written */
export async function saveExport(pieces: AsyncIterable<Buffer>, file: string | null): Promise<SavedExport> {
  return file === null ? toStdout(pieces) : toFile(pieces, file);
}

async function toFile(pieces: AsyncIterable<Buffer>, file: string): Promise<SavedExport> {
  const part = `${file}.part`;
  return leaveNothing(
    () => rmSync(part, { force: true }),
    () => throughPart(pieces, file, part),
  );
}

async function throughPart(pieces: AsyncIterable<Buffer>, file: string, part: string): Promise<SavedExport> {
  // What an earlier one left there may be readable for others.
  const handle = await rm(part, { force: true })
    .then(() => open(part, 'wx', 0o600))
    .catch((cause: unknown) => {
      throw new GwError('usage.invalid', `The file ${file} cannot be written: ${fileProblem(cause)}.`, { cause, hint: 'Name another file.' });
    });
  try {
    if (await isDirectory(file)) throw new GwError('usage.invalid', `${file} is a directory.`, { hint: 'Name the file that the export is to be.' });
    const saved = await pass(pieces, (piece) => handle.writeFile(piece));
    await handle.sync();
    await handle.close();
    await rename(part, file);
    return saved;
  } catch (thrown) {
    await handle.close().catch(() => undefined);
    await rm(part, { force: true });
    throw thrown;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return false;
    throw cause;
  }
}

async function toStdout(pieces: AsyncIterable<Buffer>): Promise<SavedExport> {
  const decoder = new StringDecoder('utf8');
  const terminal = isDataTerminal();
  return pass(pieces, async (piece) => {
    const out = terminal ? visibleLines(decoder.write(piece)) : piece;
    if (!process.stdout.write(out)) await once(process.stdout, 'drain');
  });
}

async function pass(pieces: AsyncIterable<Buffer>, write: (piece: Buffer) => Promise<void>): Promise<SavedExport> {
  let bytes = 0;
  let tail = Buffer.alloc(0);
  for await (const piece of pieces) {
    bytes += piece.length;
    const joined = Buffer.concat([tail, piece]);
    tail = joined.subarray(Math.max(0, joined.length - TAIL));
    await write(piece);
  }
  const end = exportEnd(tail.toString('utf8').trimEnd().split('\n').at(-1) ?? '');
  if (end === 'missing') throw new GwError('gateway.unreachable', 'The export ended before its last line: what came of it is not whole.');
  return { bytes, end };
}
