/** COPY … TO STDOUT of 1 GB in rows of 200 bytes from a source that is not the limit. MB/s. */
import { freePort } from '../../src/base/free-port.js';
import { ROOT, startGateway } from '../support/gateway.js';
import { listening, run, start, stop } from '../support/process.js';
import { interleave, type Row } from '../support/record.js';
import { startHaproxy, startPgbouncer } from '../support/servers.js';

const BYTES = 1 << 30;
const LOADER = ['--import', `${ROOT}/scripts/load-typescript.mjs`];

export async function bulk(rounds: number): Promise<Row[]> {
  const sourcePort = await freePort();
  const source = start(process.execPath, [...LOADER, `${ROOT}/bench/support/bulk-source.ts`, String(sourcePort)], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await listening(sourcePort);
  const port = await freePort();
  const haproxy = await startHaproxy([{ port, to: sourcePort }]);
  const pgbouncer = await startPgbouncer(sourcePort, true);
  const gateway = await startGateway('auto', [{ name: 'bank-db', port: sourcePort, username: 'x', password: 'x', database: 'x' }]);
  const read = (name: string, at: number, user: string, password: string) => ({
    name,
    run: async () => {
      const out = await run(process.execPath, [...LOADER, `${ROOT}/bench/support/bulk-sink.ts`, String(at), user, password, String(BYTES)], { cwd: ROOT });
      const { bytes, seconds } = JSON.parse(out) as { bytes: number; seconds: number };
      return bytes / seconds / 1e6;
    },
  });
  const row = await interleave(
    'COPY TO STDOUT, 1 GB',
    'MB/s',
    [
      read('direct', sourcePort, 'x', 'x'),
      read('haproxy', port, 'x', 'x'),
      read('pgbouncer', pgbouncer.port, 'bank-db', 'x'),
      read('gw', gateway.port, 'bank-db', gateway.token),
    ],
    rounds,
  );
  for (const each of [gateway, pgbouncer, haproxy]) await each.stop();
  await stop(source);
  return [row];
}
