/**
 * A server that is not the limit: speaks enough of the PostgreSQL protocol to log a client in (trust) and to answer
 * `COPY … TO STDOUT` with as many bytes as its argument says, from one prepared buffer. Runs as a process of its own.
 *
 * Usage: node --import ./scripts/load-typescript.mjs bench/support/bulk-source.ts PORT
 */
import * as net from 'node:net';

const ROW = 200;
const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const status = (name: string, value: string): Buffer => message('S', Buffer.from(`${name}\0${value}\0`));
const READY = message('Z', Buffer.from('I'));
const GREETING = Buffer.concat([
  message('R', Buffer.alloc(4)),
  status('server_version', '15.0'),
  status('client_encoding', 'UTF8'),
  status('standard_conforming_strings', 'on'),
  status('integer_datetimes', 'on'),
  message('K', Buffer.alloc(8)),
  READY,
]);
const row = message('d', Buffer.from(`${'x'.repeat(ROW - 1)}\n`));
const rows = Buffer.concat(Array.from({ length: Math.floor((1 << 20) / row.length) }, () => row));

function serve(socket: net.Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  let started = false;
  socket.on('data', (chunk: Buffer) => {
    if (!started) {
      if (chunk.length === 8 && chunk.readUInt32BE(4) === 80_877_103) {
        socket.write('N');
        return;
      }
      started = true;
      socket.write(GREETING);
      return;
    }
    if (chunk[0] === 0x58) {
      socket.end();
      return;
    }
    if (chunk[0] !== 0x51) return;
    const text = chunk.toString('latin1', 5);
    const bytes = Number(/(\d+)/.exec(text)?.[1] ?? 0);
    if (!/copy/i.test(text)) {
      // pgbouncer asks and resets; the answer is always the same.
      socket.write(Buffer.concat([message('C', Buffer.from('SELECT 0\0')), READY]));
      return;
    }
    let left = Math.ceil(bytes / rows.length);
    const format = Buffer.alloc(5);
    format.writeInt16BE(1, 1);
    socket.write(message('H', format));
    const more = (): void => {
      while (left > 0) {
        left--;
        if (!socket.write(rows)) {
          socket.once('drain', more);
          return;
        }
      }
      socket.write(Buffer.concat([message('c', Buffer.alloc(0)), message('C', Buffer.from('COPY 1\0')), READY]));
    };
    more();
  });
}

net.createServer(serve).listen(Number(process.argv[2]), '127.0.0.1');
