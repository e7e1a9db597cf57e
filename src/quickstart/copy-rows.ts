/**
 * COPY … FROM STDIN over `pg`, which knows the wire messages but offers no call for them: a query object that answers the server's
 * CopyInResponse with lines, with back-pressure from the socket. For the quickstart's own data only; nothing here is untrusted.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Client, Submittable } from 'pg';

/** What `pg` gives its query objects; the copy calls are there but missing from its types. */
interface CopyConnection extends EventEmitter {
  readonly stream: Socket;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

const CHUNK_BYTES = 64 * 1024;

/** Copies all lines into `into` (`table (columns)`). Rejects with the server's error. */
export function copyRows(client: Client, into: string, lines: Iterable<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null;
    const query = {
      submit: (connection: CopyConnection) => connection.query(`COPY ${into} FROM STDIN`),
      handleCopyInResponse: (connection: CopyConnection) => {
        sendLines(connection, lines).catch((cause: unknown) => {
          failure ??= cause instanceof Error ? cause : null;
          connection.sendCopyFail('the source of the rows failed');
        });
      },
      handleCommandComplete: () => undefined,
      handleError: (error: Error) => {
        failure ??= error;
        // After a lost connection nothing else will come.
        reject(failure);
      },
      handleReadyForQuery: () => (failure === null ? resolve() : reject(failure)),
    };
    client.query(query as unknown as Submittable);
  });
}

async function sendLines(connection: CopyConnection, lines: Iterable<string>): Promise<void> {
  let pending = '';
  for (const line of lines) {
    pending += line;
    if (pending.length < CHUNK_BYTES) continue;
    connection.sendCopyFromChunk(Buffer.from(pending));
    pending = '';
    if (connection.stream.writableNeedDrain) await drained(connection.stream);
  }
  if (pending !== '') connection.sendCopyFromChunk(Buffer.from(pending));
  connection.endCopyFrom();
}

function drained(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
