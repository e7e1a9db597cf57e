/**
 * The folder of one session, for a closer look: its record and its replay as `gw sessions export` gives them, its approvals, and proofs that its begin
 * and its end are in the log (C2SP tlog-proof, with the entry itself as extra data, so that each file proves alone).
 */
import type { ProtocolReplay } from '../contract/protocol.js';
import { exportSession, type SessionItem } from '../recording/index.js';
import type { RegisteredApproval } from './approval-register.js';
import type { PackWriter } from './pack-writer.js';
import type { SlicedLog } from './sliced-log.js';

const sessionPath = (id: string, file: string): string => `sessions/${id}/${file}`;

/** Takes the items of a session as they are read, and writes both exports as they become whole. */
export class SessionRecord {
  readonly #feeds = [new ItemFeed(), new ItemFeed()] as const;
  readonly #written: Promise<unknown>;

  constructor(id: string, writer: PackWriter, replayOf: (protocol: string) => ProtocolReplay | null, protocol: string) {
    const replay = replayOf(protocol);
    const write = async (path: string, texts: AsyncIterable<string>): Promise<void> => {
      for await (const text of texts) writer.text(path, text);
      writer.end(path);
    };
    const [ndjson, cast] = this.#feeds;
    this.#written = Promise.all([
      write(sessionPath(id, 'record.ndjson'), exportSession(ndjson, 'ndjson', replay)),
      write(sessionPath(id, 'replay.cast'), exportSession(cast, 'asciicast', replay)),
    ]);
    // Its failure is told by `end`.
    this.#written.catch(() => undefined);
  }

  item(item: SessionItem): void {
    for (const feed of this.#feeds) feed.push(item);
  }

  /** Resolves when all that was given is written. */
  async settle(): Promise<void> {
    for (const feed of this.#feeds) await feed.drained();
  }

  async end(): Promise<void> {
    for (const feed of this.#feeds) feed.end();
    await this.#written;
  }
}

/** Items that are pushed by one side and read by the other. */
class ItemFeed implements AsyncIterable<SessionItem> {
  readonly #items: SessionItem[] = [];
  #ended = false;
  #wake: (() => void) | null = null;
  #idle: (() => void) | null = null;

  push(item: SessionItem): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  drained(): Promise<void> {
    if (this.#items.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionItem, void> {
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item !== undefined) {
          yield item;
          continue;
        }
        this.#idle?.();
        this.#idle = null;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    } finally {
      this.#idle?.();
    }
  }
}

/** What the register knows of the approvals of a session. */
export function writeApprovals(writer: PackWriter, id: string, approvals: readonly RegisteredApproval[]): void {
  const own = approvals.filter(({ sessions }) => sessions.includes(id));
  writer.put(sessionPath(id, 'approval.json'), `${JSON.stringify({ session: id, approvals: own }, null, 2)}\n`);
}

/** @param checkpoint the signed note of the log */
export async function writeProof(writer: PackWriter, id: string, name: string, log: SlicedLog, checkpoint: string, index: number, leaf: Buffer): Promise<void> {
  const path = await log.prove(index);
  const lines = ['c2sp.org/tlog-proof@v1', `extra ${leaf.toString('base64')}`, `index ${index}`, ...path.map((hash) => hash.toString('base64'))];
  writer.put(sessionPath(id, name), `${lines.join('\n')}\n\n${checkpoint}`);
}
