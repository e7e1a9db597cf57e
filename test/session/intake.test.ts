/** Accepted connections read into shared memory: every byte arrives, a flood is stopped, and the listener forgets none of them. */
import { once } from 'node:events';
import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Intake, takeIn } from '../../src/session/intake.js';
import { StreamReader } from '../../src/session/stream-reader.js';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

interface Pair {
  readonly server: net.Server;
  readonly client: net.Socket;
  readonly socket: net.Socket;
  readonly intake: Intake | null;
}

async function pair(): Promise<Pair> {
  const server = net.createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const taken = new Promise<ReturnType<typeof takeIn>>((resolve) => server.once('connection', (socket: net.Socket) => resolve(takeIn(socket))));
  const client = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' });
  const { socket, intake } = await taken;
  socket.on('error', () => socket.destroy());
  client.on('error', () => client.destroy());
  open.push(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { server, client, socket, intake };
}

describe('a connection taken in', () => {
  it('gives every byte to its reader, also those that came before anybody asked', async () => {
    const { client, socket, intake } = await pair();
    const reader = new StreamReader(socket, 'client', intake);
    const sent = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251));
    client.write(sent.subarray(0, 2_000));
    client.end(sent.subarray(2_000));
    const got: Buffer[] = [];
    for (let size = 0; size < sent.length; ) {
      const chunk = await reader.read();
      size += chunk.length;
      got.push(chunk);
    }
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    await expect(reader.read()).rejects.toThrow('The client closed the connection');
  });

  it('is not read on while a flood waits for somebody to ask, and goes on afterwards', async () => {
    const { client, socket, intake } = await pair();
    const reader = new StreamReader(socket, 'client', intake);
    const total = 64 << 20;
    const block = Buffer.alloc(1 << 20, 7);
    let left = total;
    const more = (): void => {
      while (left > 0) {
        left -= block.length;
        if (!client.write(block)) return;
      }
    };
    client.on('drain', more);
    more();
    // The kernel's buffers fill up and the sender stands still: nobody here takes what it sends.
    let before = -1;
    while (before !== socket.bytesRead) {
      before = socket.bytesRead;
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.bytesRead).toBeLessThan(1 << 20);
    let size = 0;
    while (size < total) size += (await reader.read()).length;
    expect(size).toBe(total);
  });

  it('keeps what came between two owners', async () => {
    const { client, socket, intake } = await pair();
    const reader = new StreamReader(socket, 'client', intake);
    client.write('one');
    expect((await reader.read()).toString()).toBe('one');
    client.write('two');
    while (socket.bytesRead < 6) await new Promise((resolve) => setImmediate(resolve));
    const rest = reader.detach();
    client.write('three');
    while (socket.bytesRead < 11) await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(rest).toString()).toBe('twothree');
  });

  it('is counted by its listener until it closes', async () => {
    const { server, client, socket } = await pair();
    const closed = once(server, 'close');
    server.close();
    expect(server.listening).toBe(false);
    client.destroy();
    socket.destroy();
    await closed;
  });

  it('stays as it is where Node has no handle to hand over', () => {
    const bare = new net.Socket();
    open.push(() => bare.destroy());
    expect(takeIn(bare)).toEqual({ socket: bare, intake: null });
  });
});
