/**
 * A PostgreSQL relay that ends TLS on both sides with certificates of its choice: an observer when it owns the server's own key, and a
 * man in the middle when it owns another one. It sees every message of the login, and may change what comes down.
 */
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

export interface TlsRelay extends AsyncDisposable {
  readonly port: number;
  /** Everything that the client sent inside TLS. */
  up(): string;
}

export async function startTlsRelay(
  serverPort: number,
  certificate: { readonly cert: string; readonly key: string },
  down: (chunk: Buffer) => Buffer = (chunk) => chunk,
): Promise<TlsRelay> {
  const seen: Buffer[] = [];
  const open = new Set<net.Socket>();
  const keep = <T extends net.Socket>(socket: T): T => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    return socket;
  };
  const serve = async (plain: net.Socket): Promise<void> => {
    keep(plain);
    await once(plain, 'data');
    plain.write('S');
    const client = keep(new tls.TLSSocket(plain, { isServer: true, ...certificate }));
    const upstream = keep(net.connect(serverPort, '127.0.0.1'));
    upstream.write(SSL_REQUEST);
    await once(upstream, 'data');
    const server = keep(tls.connect({ socket: upstream, rejectUnauthorized: false }));
    client.on('data', (chunk: Buffer) => {
      seen.push(chunk);
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => client.write(down(chunk)));
    client.on('close', () => server.destroy());
    server.on('end', () => client.end());
  };
  const listener = net.createServer((plain) => void serve(plain).catch(() => plain.destroy()));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as net.AddressInfo).port,
    up: () => Buffer.concat(seen).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
