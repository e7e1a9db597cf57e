/**
 * A session as an asciicast of version 3 (https://docs.asciinema.org/manual/asciicast/v3/): each operation as if typed at its client, and its result
 * as delivered when it was over; what a terminal was sent, as it was sent. A marker stands before each operation. Nothing in the output acts on a
 * terminal but line breaks and what draws (`base/terminal-filter.ts`); times never run backwards.
 */
import { StringDecoder } from 'node:string_decoder';
import { TerminalFilter } from '../../base/terminal-filter.js';
import { visible, visibleLines } from '../../base/visible-text.js';
import type { ProtocolReplay } from '../../contract/protocol.js';
import type { RecordedOperation } from '../recorded.js';
import { CastTape, TERMINAL } from './cast-tape.js';
import { cutNote, eventNote, shortenedNote, size, verdictNote, wasRefused } from './operation-notes.js';
import { recordVerdict } from './record-verdict.js';
import { startNotes } from './start-notes.js';
import type { StoryEvent, StoryItem } from './tell-session.js';

export async function* exportAsciicast(story: AsyncIterable<StoryItem>, replay: ProtocolReplay | null): AsyncGenerator<string, void> {
  const tape = new CastTape();
  const terminals = new Terminals();
  for await (const item of story) {
    if (item.kind === 'start') {
      const { start } = item;
      yield tape.begin(start.startedAt, visible(`${start.identity.name} on ${start.target} (${start.session})`));
      yield tape.out(start.startedAt, startNotes(start));
    } else if (!tape.begun) {
      if (item.kind === 'integrity') yield tape.begin(0, 'a record that cannot be read');
    } else if (item.kind === 'operation') yield operationEvents(tape, item.operation, item.events, replay);
    else if (item.kind === 'terminal') yield terminals.begin(tape, item);
    else if (item.kind === 'output') yield terminals.output(tape, item);
    else if (item.kind === 'resize') yield tape.event(item.time, 'r', sizeOf(item));
    else if (item.kind === 'event') yield tape.out(item.time, [`[${eventNote(item)}]`]);
    else if (item.kind === 'unsolicited') yield tape.out(item.time, resultLines(item.bytes, null, replay));
    else if (item.kind === 'end') {
      const why = `[the session ended: ${visible(item.end.reason)}${item.end.message === null ? '' : `, ${visible(item.end.message)}`}]`;
      yield tape.out(item.time, [why]) + tape.event(item.time, 'x', '0');
    }
    if (item.kind === 'integrity') yield `# ${visible(recordVerdict(item))}\n`;
  }
}

interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A terminal that was never given a size has the usual one. */
const sizeOf = ({ columns, rows }: TerminalSize): string => `${columns === 0 ? TERMINAL.cols : columns}x${rows === 0 ? TERMINAL.rows : rows}`;

/** Terminals of operations that run: what each was sent, less what does anything but draw. Cut characters and sequences wait for their rest. */
class Terminals {
  readonly #running = new Map<number, { readonly decoder: StringDecoder; readonly filter: TerminalFilter }>();

  begin(
    tape: CastTape,
    { time, sequence, exact, ...size }: TerminalSize & { readonly time: number; readonly sequence: number; readonly exact: Buffer },
  ): string {
    if (this.#running.size < TERMINALS) this.#running.set(sequence, { decoder: new StringDecoder('utf8'), filter: new TerminalFilter() });
    const head = tape.event(time, 'm', `#${sequence}`) + tape.out(time, [`[terminal: ${visible(exact.toString('utf8'))}]`]);
    return `${head}${tape.event(time, 'r', sizeOf(size))}${tape.event(time, 'o', RESET)}`;
  }

  output(tape: CastTape, { time, sequence, bytes }: { readonly time: number; readonly sequence: number; readonly bytes: Buffer }): string {
    const terminal = this.#running.get(sequence);
    const text = terminal === undefined ? '' : terminal.filter.write(terminal.decoder.write(bytes));
    return text === '' ? '' : tape.event(time, 'o', text);
  }
}

/** What a terminal leaves behind: colours, a hidden cursor, another screen. */
const RESTORE = '\u001b[0m\u001b[?25h\u001b[?1049l';
/** An empty screen: what follows is drawn as it was where it was sent. */
const RESET = '\u001bc';
const TERMINALS = 1_000;

function terminalEnd(tape: CastTape, operation: RecordedOperation, events: readonly StoryEvent[]): string {
  const at = operation.endedAt ?? operation.time;
  const notes = [cutNote(operation.delivered, 'of output'), ...events.map(eventNote), verdictNote(operation)].flatMap((note) =>
    note === null ? [] : [`[${note}]`],
  );
  return tape.event(at, 'o', RESTORE) + tape.out(at, ['', ...notes, '']);
}

function operationEvents(tape: CastTape, operation: RecordedOperation, events: readonly StoryEvent[], replay: ProtocolReplay | null): string {
  if (operation.terminal === true) return terminalEnd(tape, operation, events);
  const marker = tape.event(operation.time, 'm', `#${operation.sequence}`);
  const prompt = replay?.prompt ?? '> ';
  const [first = '', ...more] = visibleLines(operation.exact.toString('utf8').replace(/\r\n?/g, '\n').trimEnd()).split('\n');
  const typed = [prompt + first, ...more.map((line) => ' '.repeat(prompt.length) + line)];
  if (operation.redacted) typed.push('[redacted: the text held a secret]');
  if (operation.parameters !== null) {
    const literals = replay?.literals(operation.parameters) ?? null;
    if (literals === null) typed.push(`[${size(operation.parameters.length)} of parameters]`);
    else if (literals.length > 0) typed.push(`[${literals.map((literal, index) => `$${index + 1} = ${visible(literal)}`).join(', ')}]`);
  }
  const result = [
    ...resultLines(operation.delivered.bytes, operation.parameters, replay),
    ...[
      cutNote(operation.delivered, 'of results'),
      cutNote(operation.received, 'of input'),
      operation.shortened ? shortenedNote : null,
      ...events.map(eventNote),
      wasRefused(operation) || operation.outcome?.status !== 'ok' ? verdictNote(operation) : null,
    ].flatMap((note) => (note === null ? [] : [`[${note}]`])),
    '',
  ];
  return marker + tape.out(operation.time, typed) + tape.out(operation.endedAt ?? operation.time, result);
}

function resultLines(bytes: Buffer, parameters: Uint8Array | null, replay: ProtocolReplay | null): readonly string[] {
  if (bytes.length === 0) return [];
  return replay?.result(bytes, parameters) ?? [`[${size(bytes.length)} of results]`];
}
