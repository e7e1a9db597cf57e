/**
 * A session as an asciicast of version 3 (https://docs.asciinema.org/manual/asciicast/v3/): each operation as if typed at its client, and its result
 * as delivered when it was over; what a terminal was sent, as it was sent. A marker stands before each operation. Nothing in the output acts on a
 * terminal but line breaks and what draws (`base/terminal-filter.ts`); times never run backwards.
 */
import { visible, visibleLines } from '../../base/visible-text.js';
import type { ProtocolReplay } from '../../contract/protocol.js';
import type { RecordedOperation } from '../recorded.js';
import { CastTape } from './cast-tape.js';
import { cutNote, eventNote, shortenedNote, size, verdictNote, wasRefused } from './operation-notes.js';
import { recordVerdict } from './record-verdict.js';
import { ShownTerminals } from './shown-terminals.js';
import { startNotes } from './start-notes.js';
import type { StoryEvent, StoryItem } from './tell-session.js';

/** What a program's outcome says where its target told how it ended. */
const EXIT_STATUS = /^exit status (\d{1,10})$/;

/** `late`: the story says when it has come to what happens now; of terminals only what they show then is told. */
export async function* exportAsciicast(story: AsyncIterable<StoryItem>, replay: ProtocolReplay | null, late = false): AsyncGenerator<string, void> {
  const tape = new CastTape();
  const terminals = new ShownTerminals(tape, late);
  let operations = 0;
  let status = '0';
  for await (const item of story) {
    if (item.kind === 'start') {
      const { start } = item;
      yield tape.begin(start.startedAt, visible(`${start.identity.name} on ${start.target} (${start.session})`));
      yield tape.out(start.startedAt, startNotes(start));
    } else if (!tape.begun) {
      if (item.kind === 'integrity') yield tape.begin(0, 'a record that cannot be read');
    } else if (item.kind === 'operation') {
      const { sequence, time, endedAt, outcome } = item.operation;
      // How a session ends is how its program did, where it had one.
      status = ++operations === 1 ? (EXIT_STATUS.exec(outcome?.message ?? '')?.[1] ?? '0') : '0';
      yield terminals.end(sequence, endedAt ?? time) + operationEvents(tape, item.operation, item.events, replay);
    } else if (item.kind === 'terminal') yield terminals.begin(item);
    else if (item.kind === 'output') yield terminals.output(item);
    else if (item.kind === 'resize') yield terminals.resize(item);
    else if (item.kind === 'live') yield terminals.live();
    else if (item.kind === 'event') yield tape.out(item.time, [`[${eventNote(item)}]`]);
    else if (item.kind === 'unsolicited') yield tape.out(item.time, resultLines(item.bytes, null, replay));
    else if (item.kind === 'end') {
      const why = `[the session ended: ${visible(item.end.reason)}${item.end.message === null ? '' : `, ${visible(item.end.message)}`}]`;
      yield terminals.live() + tape.out(item.time, [why]) + tape.event(item.time, 'x', status);
    }
    if (item.kind === 'integrity') yield `${terminals.live()}# ${visible(recordVerdict(item))}\n`;
  }
}

/** What a terminal leaves behind: colours, a hidden cursor, another screen, a region that scrolls. The cursor goes below all that it showed: 1049 would take it to where it was kept last, or to the top. */
const RESTORE = '\u001b[0m\u001b[?25h\u001b[?1047l\u001b[r\u001b[999;1H';

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
  const at = operation.endedAt ?? operation.time;
  // What was masked is told of the result.
  const before = events.filter(({ event, time }) => event !== 'masked' && time <= at);
  const result = [
    ...resultLines(operation.delivered.bytes, operation.parameters, replay),
    ...[
      cutNote(operation.delivered, 'of results'),
      cutNote(operation.received, 'of input'),
      operation.shortened ? shortenedNote : null,
      ...events.filter((event) => !before.includes(event)).map(eventNote),
      wasRefused(operation) || operation.outcome?.status !== 'ok' ? verdictNote(operation) : null,
    ].flatMap((note) => (note === null ? [] : [`[${note}]`])),
    '',
  ];
  return marker + tape.out(operation.time, typed) + before.map((event) => tape.out(event.time, [`[${eventNote(event)}]`])).join('') + tape.out(at, result);
}

function resultLines(bytes: Buffer, parameters: Uint8Array | null, replay: ProtocolReplay | null): readonly string[] {
  if (bytes.length === 0) return [];
  return replay?.result(bytes, parameters) ?? [`[${size(bytes.length)} of results]`];
}
