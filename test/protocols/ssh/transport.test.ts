/** One leg's transport over memory that is read into again and again, cut at every byte: what is not over by then must not lie in it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
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

/** Bytes on their way to a side, before it reads them. */
type Wire = (to: 'client' | 'server', bytes: Buffer) => readonly Buffer[];

async function pair(wire: Wire = (_, bytes) => [bytes]): Promise<Pair> {
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
    { kind: 'client', algorithms: HOST_KEYS, proof: (shown) => shown },
    { ...nobody, write: (bytes) => void toServer.push(Buffer.from(bytes)), ready: () => void ready++ },
  );
  server.start();
  client.start();
  while (ready < 2 || toServer.length + toClient.length > 0) {
    for (const bytes of toServer.splice(0).flatMap((each) => wire('server', each))) server.feed(bytes);
    for (const bytes of toClient.splice(0).flatMap((each) => wire('client', each))) client.feed(bytes);
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

describe('the line with the version', () => {
  const version = (to: string, bytes: Buffer, cut: (line: Buffer) => Buffer[], side = 'both'): Buffer[] =>
    bytes.toString('latin1', 0, 4) === 'SSH-' && (side === 'both' || side === to) ? cut(bytes) : [bytes];
  const bytewise = (line: Buffer): Buffer[] => Array.from(line, (byte) => Buffer.from([byte]));

  it.each([2, 3, 5, 11])('may come in %d pieces, on both legs', async (pieces) => {
    const cut = (line: Buffer): Buffer[] => {
      const size = Math.ceil(line.length / pieces);
      return Array.from({ length: pieces }, (_, at) => line.subarray(at * size, (at + 1) * size));
    };
    const { client, received } = await pair((to, bytes) => version(to, bytes, cut));
    expect([client.withheld, received]).toEqual([null, []]);
  });

  it('may come byte by byte, behind a greeting of the host, and with the first packet behind it', async () => {
    await pair((to, bytes) => version(to, bytes, bytewise));
    await pair((to, bytes) => version(to, bytes, (line) => bytewise(Buffer.concat([Buffer.from('hello\r\nand more\r\n'), line])), 'client'));
    let held: Buffer[] = [];
    await pair((to, bytes) => {
      if (to === 'server') return [bytes];
      if (messageIn(bytes) !== -1) return [Buffer.concat([...held.splice(0), bytes])];
      // The rest goes out with what follows.
      held = [bytes.subarray(9)];
      return [bytes.subarray(0, 4), bytes.subarray(4, 9)];
    });
  });

  it('that does not end is refused', () => {
    const nobody = { write: () => undefined, payload: () => undefined, ready: () => undefined, disconnected: () => undefined };
    const server = new Transport({ kind: 'server', hostKey: hostKeyOf(serverIdentity.generate()) }, nobody);
    server.start();
    const piece = Buffer.alloc(1_000, 'x');
    let fed = 0;
    expect(() => {
      for (; fed < 100; fed++) server.feed(piece);
    }).toThrow(/version/);
    expect(fed).toBeLessThan(40);
  });
});

/** A packet as it is before there are keys. */
function plain(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + 8;
  return Buffer.concat([uint32(payload.length + padding + 1), Buffer.from([padding]), payload, Buffer.alloc(padding)]);
}

/** The number of the message in a packet that is not encrypted; -1 for the version. */
const messageIn = (bytes: Buffer): number => (bytes.toString('latin1', 0, 4) === 'SSH-' ? -1 : (bytes[5] ?? -1));
const [KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY] = [20, 21, 30, 31];

describe('strict key exchange (D5)', () => {
  it('is asked for on both legs', async () => {
    const offered = new Map<string, string>();
    await pair((to, bytes) => {
      if (messageIn(bytes) === KEXINIT) offered.set(to, bytes.toString('latin1'));
      return [bytes];
    });
    // The client is the leg to the target.
    expect(offered.get('server')).toContain('kex-strict-c-v00@openssh.com');
    expect(offered.get('client')).toContain('kex-strict-s-v00@openssh.com');
  });

  const injected: Readonly<Record<string, Buffer>> = {
    IGNORE: message(2, string('')),
    UNIMPLEMENTED: message(3, uint32(0)),
    DEBUG: message(4, boolean(false), string('x'), string('')),
    SERVICE_REQUEST: message(MESSAGE.serviceRequest, string('ssh-userauth')),
    EXT_INFO: message(7, uint32(0)),
    AUTH_SUCCESS: message(MESSAGE.authSuccess),
    CHANNEL_DATA: message(MESSAGE.data, uint32(0), string('x')),
    GLOBAL_REQUEST: message(MESSAGE.globalRequest, string('x'), boolean(true)),
  };
  const places = [
    ['client', KEXINIT],
    ['client', KEX_REPLY],
    ['client', NEWKEYS],
    ['server', KEXINIT],
    ['server', KEX_INIT],
    ['server', NEWKEYS],
  ] as const;

  it.each(Object.entries(injected).flatMap(([name, payload]) => places.map(([to, before]) => [name, to, before, payload] as const)))(
    '%s that somebody puts on the wire to the %s before message %d ends the connection',
    async (_, to, before, payload) => {
      let put = 0;
      const result = pair((side, bytes) => {
        if (side !== to || messageIn(bytes) !== before || put > 0) return [bytes];
        put++;
        return [plain(payload), bytes];
      });
      await expect(result).rejects.toMatchObject({ code: to === 'client' ? 'target.protocol' : 'protocol.violation' });
      expect(put).toBe(1);
    },
  );
});
