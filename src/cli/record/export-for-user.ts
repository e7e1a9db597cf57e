/** An export as its commands carry it out: into a file or to stdout, with the words and the exit code (9) for one that is not intact. */
import { GwError } from '../../contract/gw-error.js';
import { say, visible } from '../terminal.js';
import { saveExport } from './save-export.js';

export interface UserExport {
  /** Null: stdout. */
  readonly file: string | null;
  /** stdout carries the answer of the command. */
  readonly json: boolean;
  /** Said when what came is not intact. */
  readonly broken: string;
}

/** @throws GwError `usage.invalid` when stdout would carry both; what `open` and `saveExport` throw */
export async function exportForUser(
  open: () => Promise<AsyncIterable<Buffer>>,
  { file, json, broken }: UserExport,
): Promise<{ readonly bytes: number; readonly intact: boolean }> {
  if (file === null && json) throw new GwError('usage.invalid', 'With --json an export needs --file: stdout carries the answer.');
  const { bytes, end } = await saveExport(await open(), file);
  const intact = end === 'intact';
  if (!intact) {
    say(broken);
    process.exitCode = 9;
  } else if (file !== null && !json) say(`Wrote ${bytes} bytes to ${visible(file)}.`);
  return { bytes, intact };
}
