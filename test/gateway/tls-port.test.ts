import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { makeAuthority } from '../support/test-authority.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

let world: GatewayWorld;
let gateway: RunningGateway;

beforeAll(async () => {
  world = await startGatewayWorld();
  await world.configure({ limits: { preLoginPerAddress: 8, handshakeTimeout: '3s' } });
  gateway = await world.start();
});
afterAll(async () => {
  await world?.close();
});

const port = (): number => Number(new URL(gateway.url).port);
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

async function raw(): Promise<Socket> {
  const socket = connectTcp(port(), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

function tls(options: ConnectionOptions): TLSSocket {
  const socket = connectTls({ port: port(), host: '127.0.0.1', ca: world.ca, ...options });
  socket.on('error', () => undefined);
  return socket;
}

describe('the TLS port', () => {
  it('serves others while clients stall in the handshake, and ends those that stall too long (D18)', async () => {
    const silent = await raw();
    const half = await raw();
    half.write(Buffer.from('160301020001', 'hex'));
    const gone = [closed(silent), closed(half)];
    expect((await world.api(gateway, '/healthz')).status).toBe(200);
    await Promise.all(gone);
    expect((await world.api(gateway, '/healthz')).status).toBe(200);
  });

  it('ends connections that are too many from one address at once, and takes new ones when places are free (D6)', async () => {
    let held: Socket[] = [];
    // A connection that its client has closed keeps its place until the gateway has heard of it.
    await eventually('eight are held, and one more is ended', async () => {
      held = await Promise.all(Array.from({ length: 8 }, raw));
      await closed(await raw());
      if (held.every((socket) => !socket.destroyed)) return true;
      for (const socket of held) socket.destroy();
      return false;
    });
    for (const socket of held) socket.destroy();
    await eventually('a place is free', async () => {
      try {
        return (await world.api(gateway, '/healthz')).status === 200;
      } catch {
        return false;
      }
    });
  });

  it('frees the places of finished API connections: many in a row from one address', async () => {
    for (let i = 0; i < 30; i++) expect((await world.api(gateway, '/healthz')).status).toBe(200);
  });

  it('ends a client that sends its request a byte at a time (D18)', async () => {
    const socket = tls({ ALPNProtocols: ['http/1.1'] });
    await once(socket, 'secureConnect');
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ');
    const drip = setInterval(() => socket.write('x'), 500);
    await closed(socket);
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1\.1 408/);
  });

  it('takes tunnels over TLS 1.3 only, API calls over 1.2 too, nothing older, and no unknown protocol', async () => {
    const tunnel = tls({ ALPNProtocols: ['gw-tunnel/1'] });
    await once(tunnel, 'secureConnect');
    expect([tunnel.alpnProtocol, tunnel.getProtocol()]).toEqual(['gw-tunnel/1', 'TLSv1.3']);
    tunnel.destroy();
    const old = tls({ ALPNProtocols: ['gw-tunnel/1'], maxVersion: 'TLSv1.2' });
    let answer = '';
    old.on('data', (chunk) => {
      answer += String(chunk);
    });
    await closed(old);
    expect(answer).toBe('');
    const api = tls({ maxVersion: 'TLSv1.2' });
    api.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of api) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    for (const options of [
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { ALPNProtocols: ['h2'] },
    ] satisfies ConnectionOptions[]) {
      const socket = tls(options);
      const outcome = await once(socket, 'secureConnect').then(
        () => 'connected',
        () => 'refused',
      );
      socket.destroy();
      expect([options, outcome]).toEqual([options, 'refused']);
    }
  });

  it('shows a new certificate after SIGHUP, keeps the old one when the new one is broken, and resumes sessions', async () => {
    const served = async (): Promise<string> => {
      const socket = connectTls({ port: port(), host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const first = await served();
    const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((file) => readFile(join(world.dir, file), 'utf8')));
    const next = await (await makeAuthority()).issue();
    await writeFile(join(world.dir, 'cert.pem'), next.cert);
    gateway.process.kill('SIGHUP');
    await eventually('the half-changed pair is refused', () => gateway.log.some(({ msg }) => String(msg).includes('refused')));
    expect(await served()).toBe(first);
    await writeFile(join(world.dir, 'key.pem'), next.key);
    gateway.process.kill('SIGHUP');
    await eventually('the new certificate is served', async () => (await served()) !== first);
    await writeFile(join(world.dir, 'cert.pem'), cert ?? '');
    await writeFile(join(world.dir, 'key.pem'), key ?? '');
    gateway.process.kill('SIGHUP');
    await eventually('the first certificate is back', async () => (await served()) === first);

    const session = new Promise<Buffer>((resolve) => {
      const socket = tls({ ALPNProtocols: ['http/1.1'] });
      socket.once('session', (ticket: Buffer) => {
        resolve(ticket);
        socket.destroy();
      });
      socket.once('secureConnect', () => socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'));
      socket.resume();
    });
    const again = tls({ ALPNProtocols: ['http/1.1'], session: await session });
    await once(again, 'secureConnect');
    expect(again.isSessionReused()).toBe(true);
    again.destroy();
  });
});
