/** Started as a process of its own by the tests: runs a server in the directory given, says its process id, and holds it until it is killed. */
import { Secret } from '../../src/base/secret.js';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.js';

const server = await startEmbeddedPostgres({ dir: process.argv[2] ?? '', port: 0, superuser: 'postgres', password: new Secret('right'), settings: {} });
process.stdout.write(`${JSON.stringify({ pid: server.pid, port: server.port })}\n`);
setInterval(() => undefined, 60_000);
