/** A replay without a terminal: all of it at once, as text or as JSON, in pieces, because it may be longer than memory. */
import { visibleLines } from '../terminal.js';
import type { Playback } from './playback.js';
import type { Cast } from './read-cast.js';

export function* replayText(playback: Playback): Generator<string, void> {
  do yield visibleLines(playback.advance(Number.POSITIVE_INFINITY));
  while (!playback.over);
}

/** What `JSON.stringify` would make of it as a whole. */
export function* replayJson(session: string, { title, events, intact }: Cast): Generator<string, void> {
  yield `{\n  "session": ${JSON.stringify(session)},\n  "title": ${JSON.stringify(title)},\n  "events": [`;
  let before = '';
  for (let number = 0; number < events.count; number++) {
    const event = events.at(number);
    if (event === undefined || event.kind === 'resize') continue;
    yield `${before}\n    ${JSON.stringify(event, null, 2).replaceAll('\n', '\n    ')}`;
    before = ',';
  }
  yield `${before === '' ? '' : '\n  '}],\n  "intact": ${intact}\n}\n`;
}
