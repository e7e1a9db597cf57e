/**
 * A session as lines of JSON, exactly as recorded: one document for each start, operation, input, result, outcome, event and end, and in the end
 * whether the record is intact. Bytes are base64; a text is given as text where it is UTF-8. Times are RFC 3339.
 */
import type { RecordedOperation, RecordedStream, SessionItem } from '../recorded.js';

export async function* exportNdjson(items: AsyncIterable<SessionItem>): AsyncGenerator<string, void> {
  for await (const item of items) for (const document of documentsOf(item)) yield `${JSON.stringify(document)}\n`;
}

const at = (milliseconds: number): string => new Date(milliseconds).toISOString();

function documentsOf(item: SessionItem): readonly object[] {
  switch (item.kind) {
    case 'start':
      return [{ kind: 'start', at: at(item.time), ...item.start, startedAt: at(item.start.startedAt) }];
    case 'operation':
      return operationDocuments(item.operation);
    case 'terminal':
      return [{ kind: 'terminal', at: at(item.time), sequence: item.sequence, columns: item.columns, rows: item.rows }];
    case 'resize':
      return [{ kind: 'resize', at: at(item.time), sequence: item.sequence, columns: item.columns, rows: item.rows }];
    case 'output':
      return [{ kind: 'output', at: at(item.time), sequence: item.sequence, base64: item.bytes.toString('base64') }];
    case 'unsolicited':
      return [{ kind: 'unsolicited', at: at(item.time), base64: item.bytes.toString('base64') }];
    case 'event':
      return [{ kind: 'event', at: at(item.time), event: item.event, data: item.data }];
    case 'end':
      return [{ kind: 'end', at: at(item.time), ...item.end, endedAt: at(item.end.endedAt) }];
    case 'integrity':
      return [{ kind: 'integrity', intact: item.intact, live: item.live, problems: item.problems }];
  }
}

function operationDocuments(operation: RecordedOperation): object[] {
  const { sequence, exact, delivered, received, outcome } = operation;
  const documents: object[] = [
    {
      kind: 'operation',
      at: at(operation.time),
      sequence,
      form: operation.form,
      ...textOf(exact),
      textBytes: operation.exactBytes,
      redacted: operation.redacted,
      parameters: operation.parameters?.toString('base64') ?? null,
      decision: operation.decision,
      facts: operation.facts,
      ...(operation.shortened ? { shortened: true } : {}),
    },
  ];
  if (received.bytes.length > 0 || received.cut) documents.push({ kind: 'input', sequence, ...streamOf(received) });
  if (delivered.bytes.length > 0 || delivered.cut) documents.push({ kind: 'result', sequence, ...streamOf(delivered) });
  if (outcome !== null) documents.push({ kind: 'outcome', at: operation.endedAt === null ? null : at(operation.endedAt), sequence, ...outcome });
  return documents;
}

/** Bytes that are no UTF-8 are not made to look like some. */
function textOf(bytes: Buffer): object {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { text } : { base64: bytes.toString('base64') };
}

function streamOf({ bytes, cut, total, digest }: RecordedStream): object {
  return { base64: bytes.toString('base64'), cut, total, digest };
}
