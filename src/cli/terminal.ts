/**
 * The process's two voices: stdout carries data, stderr carries talk. What came from elsewhere (names, reasons, statements) is made
 * visible before it is shown, so that nobody's text can move the cursor, recolour the screen or hide a word (redteam 6h).
 */
import { once } from 'node:events';
import { Chalk, type ChalkInstance } from 'chalk';
import { visible, visibleJson, visibleLines } from '../base/visible-text.js';
import { readEnvironment } from './environment.js';

export { visible, visibleLines };

function colourFor(stream: NodeJS.WriteStream): ChalkInstance {
  const { noColor, dumbTerminal } = readEnvironment();
  return new Chalk({ level: stream.isTTY && !noColor && !dumbTerminal ? 1 : 0 });
}

export const paintOut: ChalkInstance = colourFor(process.stdout);
export const paintErr: ChalkInstance = colourFor(process.stderr);

/** Data. `text` goes out as it is; callers end it with a line break. */
export function writeData(text: string): void {
  process.stdout.write(text);
}

/** JSON as data; at a terminal what stands in it cannot act on that, and says the same. */
export function writeJson(json: string): void {
  writeData(isDataTerminal() ? visibleJson(json) : json);
}

/** The same for data of any length: no more of it waits than the reader is behind. */
export async function writeAllData(pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** The same for JSON of any length, as `writeJson` writes it. */
export async function writeAllJson(pieces: Iterable<string>): Promise<void> {
  const terminal = isDataTerminal();
  for (const piece of pieces) await writeAllData([terminal ? visibleJson(piece) : piece]);
}

/** Talk: progress, notices, errors. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function isDataTerminal(): boolean {
  return process.stdout.isTTY === true;
}

export function isTalkTerminal(): boolean {
  return process.stderr.isTTY === true;
}

/** Whether somebody can be asked: what is typed comes from a terminal, and what is said goes to one. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && isTalkTerminal();
}

/** Whether keys can be taken while something is shown. */
export function hasKeyboard(): boolean {
  return process.stdin.isTTY === true && isDataTerminal();
}

/** Whether any of the three standard streams is a terminal: then the terminal itself sends its signals to the whole job. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY === true || process.stdout.isTTY === true || process.stderr.isTTY === true;
}

/** Columns of the terminal that standard output is; undefined: it is none, or does not say. */
export function terminalColumns(): number | undefined {
  const { columns } = process.stdout;
  return columns > 0 ? columns : undefined;
}
