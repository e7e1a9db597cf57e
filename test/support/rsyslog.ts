/** A real rsyslogd that takes RFC 5424 messages over TLS (or TCP) with octet counting, and writes what it understood of each to a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../store/state-server.js';
import type { TestAuthority } from './test-authority.js';

export interface SyslogLine {
  readonly facility: string;
  readonly severity: string;
  readonly time: string;
  readonly host: string;
  readonly app: string;
  readonly process: string;
  readonly id: string;
  readonly data: string;
  readonly text: string;
}

export interface Rsyslog {
  readonly port: number;
  lines(): Promise<SyslogLine[]>;
  /** Ends the process as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const NAMES = ['facility', 'severity', 'time', 'host', 'app', 'process', 'id', 'data', 'text'] as const;
const PROPERTIES =
  '%syslogfacility-text%\\t%syslogseverity-text%\\t%timereported:::date-rfc3339%\\t%hostname%\\t%app-name%\\t%procid%\\t%msgid%\\t%structured-data%\\t%msg%\\n';

export async function startRsyslog(authority: TestAuthority): Promise<Rsyslog> {
  const dir = await mkdtemp(join(tmpdir(), 'gw-rsyslog-'));
  const certificate = await authority.issue();
  await Promise.all([
    writeFile(join(dir, 'ca.pem'), authority.ca),
    writeFile(join(dir, 'cert.pem'), certificate.cert),
    writeFile(join(dir, 'key.pem'), certificate.key),
    writeFile(join(dir, 'out.log'), ''),
  ]);
  let port = 0;
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    await rm(join(dir, 'port'), { force: true });
    await writeFile(join(dir, 'rsyslog.conf'), configuration(dir, port));
    child = spawn('/usr/sbin/rsyslogd', ['-n', '-f', join(dir, 'rsyslog.conf'), '-i', join(dir, 'pid')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (text) => (said += String(text)));
    await eventually(`rsyslogd listens (${said})`, async () => {
      if (child.exitCode !== null) throw new Error(`rsyslogd ended: ${said}`);
      // It says its port only when it chose one.
      if (port === 0) port = Number(await readFile(join(dir, 'port'), 'utf8').catch(() => '0'));
      return port > 0 && (await listens(port));
    });
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    get port() {
      return port;
    },
    lines: async () => {
      const text = await readFile(join(dir, 'out.log'), 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const values = line.split('\t');
          return Object.fromEntries(NAMES.map((name, at) => [name, values[at] ?? ''])) as unknown as SyslogLine;
        });
    },
    kill,
    start,
    close: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function configuration(dir: string, port: number): string {
  return `
global(workDirectory="${dir}" maxMessageSize="128k" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="${dir}/ca.pem"
  DefaultNetstreamDriverCertFile="${dir}/cert.pem" DefaultNetstreamDriverKeyFile="${dir}/key.pem")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="understood" type="string" string="${PROPERTIES}")
ruleset(name="all") { action(type="omfile" file="${dir}/out.log" template="understood" asyncWriting="off") }
input(type="imtcp" address="127.0.0.1" port="${port}" listenPortFileName="${dir}/port" ruleset="all")
`;
}
