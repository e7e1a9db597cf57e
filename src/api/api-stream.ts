/** An answer that is too large to be held: it goes out as it is made. When making it fails, the connection is cut, so half of it never looks whole. */
export class ApiStream {
  readonly type: string;
  readonly chunks: AsyncIterable<string | Uint8Array>;

  constructor(type: string, chunks: AsyncIterable<string | Uint8Array>) {
    this.type = type;
    this.chunks = chunks;
  }
}
