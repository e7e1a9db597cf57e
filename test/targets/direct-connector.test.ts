import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import { dial } from '../../src/targets/index.js';

let server: Server;
let port: number;
const accepted: Socket[] = [];
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end('bye'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const socket of accepted.splice(0)) socket.destroy();
  server.close();
  await once(server, 'close');
});

const target = (host = '127.0.0.1', at = port): { name: string; host: string; port: number } => ({ name: 'bank-db', host, port: at });
const refused = async (attempt: Promise<Socket>): Promise<GwError> => {
  const thrown: unknown = await attempt.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(GwError);
  return GwError.from(thrown);
};

describe('dial', () => {
  it('gives a connected socket that is half-open', async () => {
    const socket = await dial(target(), { timeoutMs: 5000 });
    socket.end('hello');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toBe('hellobye');
  });

  it('resolves names', async () => {
    const socket = await dial(target('localhost'), { timeoutMs: 5000 });
    expect(socket.remotePort).toBe(port);
    socket.destroy();
  });

  it("reads into the caller's buffer with onread, by name and by address", async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const buffer = Buffer.alloc(1024);
      let arrived: (text: string) => void = () => undefined;
      const text = new Promise<string>((resolve) => {
        arrived = resolve;
      });
      const socket = await dial(target(host), {
        timeoutMs: 5000,
        onread: {
          buffer,
          callback: (length) => {
            arrived(buffer.toString('utf8', 0, length));
            return true;
          },
        },
      });
      socket.write('straight in');
      await expect(text).resolves.toBe('straight in');
      socket.destroy();
    }
  });

  it('says why it failed, and keeps the address for the log', async () => {
    server.close();
    await once(server, 'close');
    const error = await refused(dial(target(), { timeoutMs: 5000 }));
    expect(error).toMatchObject({ code: 'target.unreachable', message: 'The target "bank-db" could not be reached: the connection was refused.' });
    expect(JSON.stringify(error.toBody())).not.toContain('127.0.0.1');
    expect(inspect(error.cause)).toContain(`127.0.0.1:${port}`);
    server.listen(0);
  });

  it('says that a name cannot be resolved without telling the name', async () => {
    const error = await refused(dial(target('does-not-exist.invalid'), { timeoutMs: 30_000 }));
    expect(error.message).toBe('The target "bank-db" could not be reached: its name could not be resolved.');
  });

  it('gives up when told to, before and meanwhile', async () => {
    const gone = await refused(dial(target(), { timeoutMs: 5000, signal: AbortSignal.abort() }));
    expect(gone.message).toContain('the attempt was given up');
    const controller = new AbortController();
    const attempt = dial(target(), { timeoutMs: 5000, signal: controller.signal });
    controller.abort();
    expect((await refused(attempt)).message).toContain('the attempt was given up');
  });

  it('gives up when the time is over', async () => {
    const attempt = dial(target(), { timeoutMs: 1 });
    // Timers run before the event loop looks at sockets again, so a limit that passed meanwhile always wins.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    expect((await refused(attempt)).message).toContain('it did not answer in time');
  });

  it('an error after the connection and before anybody listens does not end the process', async () => {
    const socket = await dial(target(), { timeoutMs: 5000 });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const [peer] = accepted.length > 0 ? accepted : ((await once(server, 'connection')) as Socket[]);
    peer?.resetAndDestroy();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});
