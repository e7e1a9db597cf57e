/** One session in one of the formats of `gw sessions export`, as a stream of texts. Memory is bounded by what reading a session holds. */
import type { ExportFormat } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';
import type { ProtocolReplay } from '../../contract/protocol.js';
import type { SessionItem } from '../recorded.js';
import { sayWhenLive } from '../say-when-live.js';
import { exportAsciicast } from './export-asciicast.js';
import { exportNdjson } from './export-ndjson.js';
import { exportSql, type ScriptReplay } from './export-sql.js';
import { tellSession } from './tell-session.js';

const isScript = (replay: ProtocolReplay | null): replay is ScriptReplay => replay !== null && replay.comment !== null;

/** @throws GwError `usage.invalid` when the protocol has no such form */
export function exportSession(items: AsyncIterable<SessionItem>, format: ExportFormat, replay: ProtocolReplay | null): AsyncGenerator<string, void> {
  if (format === 'ndjson') return exportNdjson(items);
  if (format === 'asciicast') return exportAsciicast(tellSession(items), replay);
  if (!isScript(replay)) throw new GwError('usage.invalid', 'The operations of this protocol are no script: export them as ndjson or asciicast.');
  return exportSql(tellSession(items), replay);
}

/** A session that goes on, as an asciicast for who joins it now. `live` resolves when all that was there has been read of `items`. */
export function followSession(items: AsyncGenerator<SessionItem, void>, live: Promise<void>, replay: ProtocolReplay | null): AsyncGenerator<string, void> {
  return exportAsciicast(tellSession(sayWhenLive(items, live)), replay, true);
}
