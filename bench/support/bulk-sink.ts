/**
 * A client that is not the limit: logs in with a cleartext password when asked, sends one statement, reads into one reused buffer until
 * ReadyForQuery, and prints {bytes, seconds}.
 *
 * Usage: node --import ./scripts/load-typescript.mjs bench/support/bulk-sink.ts PORT USER PASSWORD BYTES|STATEMENT [DATABASE]
 */
import * as net from 'node:net';

const [port, user, password, what, database = user] = process.argv.slice(2) as [string, string, string, string, string?];
const statement = /^\d+$/.test(what) ? `COPY (SELECT ${what}) TO STDOUT` : what;
const startup = Buffer.from(`\0\0\0\0\0\x03\0\0user\0${user}\0database\0${database}\0\0`, 'latin1');
startup.writeUInt32BE(startup.length, 0);
const simple = (type: string, text: string): Buffer => {
  const out = Buffer.from(`${type}\0\0\0\0${text}\0`, 'latin1');
  out.writeUInt32BE(out.length - 1, 1);
  return out;
};
const memory = Buffer.allocUnsafeSlow(1 << 20);
let state: 'login' | 'copy' = 'login';
let total = 0;
let began = 0;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

const socket = net.connect({
  port: Number(port),
  host: '127.0.0.1',
  onread: {
    buffer: memory,
    callback: (size) => {
      const ready = size >= 6 && memory.subarray(size - 6, size).equals(READY);
      if (state === 'login') {
        if (memory[0] === 0x52 && memory.readUInt32BE(5) === 3) socket.write(simple('p', password));
        else if (memory[0] === 0x45) throw new Error(memory.toString('latin1', 0, size));
        if (ready) {
          state = 'copy';
          began = performance.now();
          socket.write(simple('Q', statement));
        }
        return true;
      }
      total += size;
      if (ready) {
        process.stdout.write(`${JSON.stringify({ bytes: total, seconds: (performance.now() - began) / 1000 })}\n`);
        socket.end(simple('X', '').subarray(0, 5));
      }
      return true;
    },
  },
});
socket.write(startup);
