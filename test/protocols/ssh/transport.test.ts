/** One leg's transport over memory that is read into again and again, cut at every byte: what is not over by then must not lie in it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { message, string } from '../../../src/protocols/ssh/codec/wire.js';
import { hostKeyOf, serverIdentity } from '../../../src/protocols/ssh/server-identity.js';
import { HOST_KEYS, Transport, transportReady } from '../../../src/protocols/ssh/transport/transport.js';

beforeAll(transportReady);

interface Pair {
  readonly client: Transport;
  readonly server: Transport;
  readonly received: Buffer[];
  /** What the client wrote since it was last taken. */
  taken(): Buffer;
}

async function pair(): Promise<Pair> {
  const received: Buffer[] = [];
  const [toServer, toClient]: [Buffer[], Buffer[]] = [[], []];
  let ready = 0;
  const nobody = { payload: () => undefined, disconnected: () => undefined };
  const identity = new Secret(serverIdentity.generate());
  const server = new Transport(
    { kind: 'server', hostKey: hostKeyOf(identity.expose()) },
    {
      ...nobody,
      write: (bytes) => void toClient.push(Buffer.from(bytes)),
      ready: () => void ready++,
      payload: (payload) => void received.push(Buffer.from(payload)),
    },
  );
  const client = new Transport(
    { kind: 'client', algorithms: HOST_KEYS, trusts: () => true },
    { ...nobody, write: (bytes) => void toServer.push(Buffer.from(bytes)), ready: () => void ready++ },
  );
  server.start();
  client.start();
  while (ready < 2 || toServer.length + toClient.length > 0) {
    for (const bytes of toServer.splice(0)) server.feed(bytes);
    for (const bytes of toClient.splice(0)) client.feed(bytes);
    // Signatures are made beside.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { client, server, received, taken: () => Buffer.concat(toServer.splice(0)) };
}

describe('a packet', () => {
  it('that is cut anywhere comes through, though the memory of its first part is read into again', async () => {
    const { client, server, received, taken } = await pair();
    const room = Buffer.alloc(65_536);
    const feed = (bytes: Buffer): void => {
      bytes.copy(room);
      server.feed(room.subarray(0, bytes.length));
      room.fill(0xff);
    };
    const text = message(MESSAGE.serviceRequest, string('x'.repeat(300)));
    client.send(text);
    const first = taken();
    feed(first);
    const { length } = first;
    for (let cut = 1; cut < length; cut++) {
      client.send(text);
      const packet = taken();
      feed(packet.subarray(0, cut));
      feed(packet.subarray(cut));
      expect(received.at(-1)?.equals(text), `cut at ${cut}`).toBe(true);
    }
    expect(received.length).toBe(length);
  });
});
