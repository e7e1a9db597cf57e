/**
 * The bench: gw against direct, haproxy and pgbouncer, interleaved, as ratios. `npm run bench [-- SECTION…] [--rounds N]`; sections:
 * throughput recording tunnel bulk masking latency connections memory cli search evidence log ssh, and ssh-huge for who asks. Results go to
 * bench/results/SECTION.json. Needs Debian's postgresql, haproxy and pgbouncer; ssh needs openssh-server.
 */
import { bulk } from './sections/bulk.js';
import { cli } from './sections/cli.js';
import { connections } from './sections/connections.js';
import { evidence } from './sections/evidence.js';
import { latency } from './sections/latency.js';
import { log } from './sections/log.js';
import { masking } from './sections/masking.js';
import { memory } from './sections/memory.js';
import { recording } from './sections/recording.js';
import { search } from './sections/search.js';
import { ssh, sshHuge } from './sections/ssh.js';
import { throughput } from './sections/throughput.js';
import { tunnel } from './sections/tunnel.js';
import type { Row } from './support/record.js';
import { save } from './support/record.js';

const SECTIONS: Readonly<Record<string, (rounds: number) => Promise<Row[]>>> = {
  throughput,
  recording,
  tunnel,
  bulk,
  masking,
  latency,
  connections,
  memory,
  cli,
  search,
  evidence,
  log,
  ssh,
  'ssh-huge': sshHuge,
};

const args = process.argv.slice(2);
const at = args.indexOf('--rounds');
const rounds = at < 0 ? 5 : Number(args[at + 1]);
const named = args.filter((arg, index) => !arg.startsWith('--') && (at < 0 || index !== at + 1));
// Ten gigabytes only for who asks for them.
for (const name of named.length > 0 ? named : Object.keys(SECTIONS).filter((each) => each !== 'ssh-huge')) {
  const section = SECTIONS[name];
  if (section === undefined) throw new Error(`There is no section ${name}; there are ${Object.keys(SECTIONS).join(', ')}.`);
  process.stdout.write(`── ${name}\n`);
  await save(name, await section(rounds));
}
