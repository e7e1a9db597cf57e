/** The text of a cast as it comes, line by line, without its times; untrusted: at a terminal only what draws gets through, elsewhere it is made visible. Gives what its end says of the record. */
import { straightDown, TerminalFilter } from '../../base/terminal-filter.js';
import { GwError } from '../../contract/gw-error.js';
import { isDataTerminal, visibleLines } from '../terminal.js';
import { boundedLines, CAST_LINE } from './bounded-lines.js';
import { type ExportEnd, exportEnd } from './export-end.js';

/** @throws GwError `gateway.unreachable` when it ends before its last line */
export async function watchCast(pieces: AsyncIterable<Buffer>, show: (text: string) => void): Promise<Exclude<ExportEnd, 'missing'>> {
  const filter = isDataTerminal() ? new TerminalFilter() : null;
  let last = '';
  for await (const line of boundedLines(pieces, CAST_LINE, 'line')) {
    last = line;
    const text = outputOf(line);
    if (text !== null) show(filter === null ? visibleLines(text.replaceAll('\r\n', '\n')) : straightDown(filter.write(text)));
  }
  const end = exportEnd(last);
  if (end === 'missing')
    throw new GwError('gateway.unreachable', 'The connection ended before the session did.', {
      hint: 'The session goes on: watch it again, or see `gw sessions ls`.',
    });
  return end;
}

/** Null: it shows nothing. */
function outputOf(line: string): string | null {
  if (!line.startsWith('[')) return null;
  try {
    const event: unknown = JSON.parse(line);
    return Array.isArray(event) && event[1] === 'o' && typeof event[2] === 'string' ? event[2] : null;
  } catch (cause) {
    throw new GwError('gateway.unreachable', 'The gateway gave a record that this version of gw does not understand.', { cause });
  }
}
