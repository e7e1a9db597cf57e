/** Reads the statement that `--statement @FILE` names: byte for byte, because an approval is good for exactly those bytes. */
import { readFile } from 'node:fs/promises';
import { fileProblem } from '../base/file-problem.js';
import { GwError } from '../contract/gw-error.js';

/** @throws GwError `usage.invalid` when the file cannot be read, or is not UTF-8: what was replaced in it would not be what is run */
export async function readStatement(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new GwError('usage.invalid', `The statement in ${file} cannot be read: ${fileProblem(cause)}.`, { cause, hint: 'Check the path after `@`.' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GwError('usage.invalid', `The statement in ${file} cannot be asked for: it is not UTF-8.`, { cause, hint: 'Save the file as UTF-8.' });
  }
}
