/**
 * The bench: gw against direct, haproxy and pgbouncer, interleaved, as ratios. `npm run bench [-- SECTION…] [--rounds N]`; sections:
 * throughput recording tunnel bulk masking latency connections memory cli search evidence log terminal ssh, and ssh-huge and kills for who asks. Results go to
 * bench/results/SECTION.json. `--before DIR [--before-workers N]` compares the throughput with that of another built tree instead. Needs Debian's
 * postgresql, haproxy and pgbouncer; ssh needs openssh-server.
 */
import { parseArgs } from 'node:util';
import { bulk } from './sections/bulk.js';
import { cli } from './sections/cli.js';
import { connections } from './sections/connections.js';
import { evidence } from './sections/evidence.js';
import { kills } from './sections/kills.js';
import { latency } from './sections/latency.js';
import { log } from './sections/log.js';
import { masking } from './sections/masking.js';
import { memory } from './sections/memory.js';
import { recording } from './sections/recording.js';
import { search } from './sections/search.js';
import { ssh, sshHuge } from './sections/ssh.js';
import { terminal } from './sections/terminal.js';
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
  terminal,
  ssh,
  'ssh-huge': sshHuge,
  kills,
};

/** Ten gigabytes, and an hour of kills. */
const ASKED = new Set(['ssh-huge', 'kills']);

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, before: { type: 'string' }, 'before-workers': { type: 'string', default: 'auto' } },
});
const rounds = Number(values.rounds);
if (values.before !== undefined) {
  process.stdout.write('── throughput, and that of another tree\n');
  const workers = values['before-workers'] === 'auto' ? 'auto' : Number(values['before-workers']);
  await save('throughput-before', await throughput(rounds, { root: values.before, workers }));
  process.exit(0);
}
for (const name of named.length > 0 ? named : Object.keys(SECTIONS).filter((each) => !ASKED.has(each))) {
  const section = SECTIONS[name];
  if (section === undefined) throw new Error(`There is no section ${name}; there are ${Object.keys(SECTIONS).join(', ')}.`);
  process.stdout.write(`── ${name}\n`);
  await save(name, await section(rounds));
}
