/**
 * A session as a script: its operations in order, each under comments that say when, how it was decided and what became of it. What was refused, and
 * what would do something else in a script than it did, stands there as a comment. Everything recorded is untrusted: what stands in a comment
 * cannot end it.
 */
import { visible, visibleLines } from '../../base/visible-text.js';
import type { ProtocolReplay } from '../../contract/protocol.js';
import type { SessionStart } from '../../contract/recording.js';
import type { RecordedOperation } from '../recorded.js';
import { cutNote, eventNote, shortenedNote, verdictNote, wasRefused } from './operation-notes.js';
import { recordVerdict } from './record-verdict.js';
import { startNotes } from './start-notes.js';
import type { StoryEvent, StoryItem } from './tell-session.js';

export type ScriptReplay = ProtocolReplay & { readonly comment: string };

export async function* exportSql(story: AsyncIterable<StoryItem>, replay: ScriptReplay): AsyncGenerator<string, void> {
  const note = (line: string): string => `${replay.comment}${line}\n`;
  let start: SessionStart | null = null;
  for await (const item of story) {
    if (item.kind === 'start') {
      start = item.start;
      yield startNotes(item.start).map(note).join('');
    } else if (item.kind === 'operation') yield operationText(item.operation, item.events, start, replay, note);
    else if (item.kind === 'event') yield `\n${note(`${time(item.time)} ${eventNote(item)}`)}`;
    else if (item.kind === 'end') yield `\n${note(`ended: ${time(item.end.endedAt)}, ${visible(item.end.reason)}`)}`;
    else if (item.kind === 'integrity') yield `\n${note(visible(recordVerdict(item)))}`;
  }
}

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

function operationText(
  operation: RecordedOperation,
  events: readonly StoryEvent[],
  start: SessionStart | null,
  replay: ScriptReplay,
  note: (line: string) => string,
): string {
  const text = operation.exact.toString('utf8');
  const parameters = operation.parameters === null ? [] : (replay.literals(operation.parameters) ?? [null]);
  const notes = [
    `#${operation.sequence} ${time(operation.time)} ${visible(start?.identity.name ?? '?')}: ${verdictNote(operation)}`,
    ...events.map(eventNote),
    ...parameters.map((literal, index) => (literal === null ? 'its parameters cannot be read' : `$${index + 1} = ${visible(literal)}`)),
    cutNote(operation.received, 'of input') ?? '',
    operation.shortened ? shortenedNote : '',
  ].filter((line) => line !== '');
  const whole = !operation.shortened && operation.exact.length === operation.exactBytes;
  const statement = replay.statement(text);
  const why = wasRefused(operation)
    ? ''
    : operation.redacted
      ? 'redacted: the text held a secret'
      : !whole
        ? 'not in the script: its text is not complete'
        : operation.received.bytes.length > 0 || operation.received.cut
          ? 'not in the script: it came with input'
          : parameters.length > 0
            ? 'not in the script: it came with parameters'
            : statement === null
              ? 'not in the script: a client would not run it as it stands'
              : null;
  const head = `\n${[...notes, why ?? '']
    .filter((line) => line !== '')
    .map(note)
    .join('')}`;
  if (why === null) return `${head}${statement}\n`;
  // A carriage return ends a comment too.
  const lines = visibleLines(text.replace(/\r\n?/g, '\n')).split('\n');
  return head + lines.map(note).join('');
}
