/**
 * Each kind of channel and request that OpenSSH can ask for has its own decision (D8): allowed alone it works, refused alone it does nothing, and
 * the record says which. And of the addresses only those that policy names are reached (D12).
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../src/base/free-port.js';
import { string, uint32, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import { askedByClient, askedByTarget, askedGlobally } from '../../../src/protocols/ssh/forwards.js';
import { readSession } from '../../../src/recording/index.js';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { eventually } from '../../store/state-server.js';
import { startRealSshd } from '../../support/real-sshd.js';
import { type Ended, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

/** Says `pong` to `ping`, and counts who came. */
interface Service {
  readonly server: net.Server;
  readonly at: string;
  came: number;
}

let world: SshWorld;
let agent: ChildProcess;
let tcp: Service;
let other: Service;
let socket: Service;
let number = 0;

async function service(path?: string): Promise<Service> {
  const server = net.createServer((connection) => {
    made.came++;
    connection.on('error', () => connection.destroy());
    connection.once('data', () => connection.end('pong'));
  });
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  const made: Service = { server, at: path ?? `127.0.0.1:${(server.address() as net.AddressInfo).port}`, came: 0 };
  return made;
}

beforeAll(async () => {
  const sshd = await startRealSshd(['X11Forwarding yes', 'XAuthLocation /bin/true', 'Subsystem made-up echo subsystem-ran']);
  world = await startSshWorld({ sshd });
  // No display is needed to lend one: only what xauth would say of it.
  await writeFile(join(world.dir, 'xauth'), `#!/bin/sh\necho ':0 MIT-MAGIC-COOKIE-1 ${'0123456789abcdef'.repeat(2)}'\n`, { mode: 0o755 });
  agent = spawn('ssh-agent', ['-D', '-a', join(world.dir, 'agent')], { stdio: 'ignore' });
  await eventually('the agent listens', () => existsSync(join(world.dir, 'agent')));
  [tcp, other, socket] = await Promise.all([service(), service(), service(join(sshd.dir, 'service'))]);
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  for (const each of [tcp, other, socket]) each?.server.close();
  await world?.[Symbol.asyncDispose]();
  await world?.sshd[Symbol.asyncDispose]();
});

const fresh = (name: string): string => join(world.sshd.dir, `${name}-${++number}`);

function connectTo(at: string): net.Socket {
  const [host = '', port = ''] = at.split(':');
  return at.startsWith('/') ? net.connect({ path: at }) : net.connect(Number(port), host);
}

/** What `at` answers to `ping`, behind `hello` if there is one; '' where nobody does. */
function pinged(at: string, hello: Buffer = Buffer.alloc(0)): Promise<string> {
  return new Promise((resolve) => {
    const connection = connectTo(at);
    let heard = '';
    connection.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    connection.on('error', () => connection.destroy());
    connection.once('close', () => resolve(heard));
    connection.write(Buffer.concat([hello, Buffer.from('ping')]));
  });
}

/** Runs ssh with `options` until `use` is through. */
async function during<T>(options: readonly string[], use: (child: ChildProcess) => Promise<T>): Promise<T> {
  const child = spawn('ssh', [...world.options(), '-N', '-o', 'ExitOnForwardFailure=yes', ...options, 'web-1'], {
    env: { ...process.env, ...world.env },
    stdio: 'ignore',
  });
  const gone = once(child, 'exit');
  try {
    return await use(child);
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
}

/** Does something come back through a listener of the client? */
const through = (options: readonly string[], at: string, hello?: Buffer): Promise<boolean> =>
  during(options, async () => {
    await eventually('the client listens', () => listens(at));
    return (await pinged(at, hello)).endsWith('pong');
  });

/** Does something come back through a listener that the target has for the client? */
const back = (options: readonly string[], at: string): Promise<boolean> =>
  during(options, async (child) => {
    let heard = '';
    await eventually('the target listens, or the client gives up', async () => {
      heard = await pinged(at);
      return heard !== '' || child.exitCode !== null;
    });
    return heard === 'pong';
  });

/** Somebody takes connections there. At a socket with a path the kernel says so: to connect would be one more connection to decide on. */
async function listens(at: string): Promise<boolean> {
  const accepts = /^\S+ \S+ \S+ 00010000 .* (?<path>\S+)$/gm;
  if (at.startsWith('/')) return [...(await readFile('/proc/net/unix', 'utf8')).matchAll(accepts)].some(({ groups }) => groups?.['path'] === at);
  const probe = connectTo(at);
  const there = await Promise.race([once(probe, 'connect').then(() => true), once(probe, 'close').then(() => false)]).catch(() => false);
  probe.destroy();
  return there;
}

async function says(words: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  return (await world.ssh(args, { env })).out.toString().includes(words);
}

/** A request of SOCKS 4. */
function socksTo(at: string): Buffer {
  const [host = '', port = ''] = at.split(':');
  return Buffer.from([4, 1, Number(port) >> 8, Number(port) & 0xff, ...host.split('.').map(Number), 0]);
}

/** The first question of SFTP; who answers ends it. */
function askVersion(child: ChildProcessWithoutNullStreams): void {
  child.stdout.once('data', () => child.stdin.end());
  child.stdin.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]));
}

/** What is asked for, with what, and whether it came about. */
const KINDS: Readonly<Record<string, readonly [action: string, works: () => Promise<boolean>]>> = {
  '-A': [
    'ssh.forward.agent',
    // The agent itself answers.
    () => says('The agent has no identities.\n/', ['-A', 'web-1', 'ssh-add -l; printenv SSH_AUTH_SOCK'], { SSH_AUTH_SOCK: join(world.dir, 'agent') }),
  ],
  '-X': ['ssh.forward.x11', () => says('localhost:', ['-o', `XAuthLocation=${world.dir}/xauth`, '-X', 'web-1', 'printenv DISPLAY'])],
  '-Y': ['ssh.forward.x11', () => says('localhost:', ['-o', `XAuthLocation=${world.dir}/xauth`, '-Y', 'web-1', 'printenv DISPLAY'])],
  '-L to an address': [
    'ssh.forward.local',
    () => {
      const at = fresh('l');
      return through(['-L', `${at}:${tcp.at}`], at);
    },
  ],
  '-L to a socket': [
    'ssh.forward.local_socket',
    () => {
      const at = fresh('l');
      return through(['-L', `${at}:${socket.at}`], at);
    },
  ],
  '-D': [
    'ssh.forward.local',
    async () => {
      const at = `127.0.0.1:${await freePort()}`;
      return through(['-D', at], at, socksTo(tcp.at));
    },
  ],
  '-W': ['ssh.forward.local', async () => (await world.ssh(['-W', tcp.at, 'web-1'], { input: 'ping' })).out.toString() === 'pong'],
  '-R at a port': [
    'ssh.forward.remote',
    async () => {
      const at = `127.0.0.1:${await freePort()}`;
      return back(['-R', `${at}:${tcp.at}`], at);
    },
  ],
  '-R at a port, dynamic': [
    'ssh.forward.remote',
    async () => {
      const port = await freePort();
      return during(['-R', `127.0.0.1:${port}`], async (child) => {
        let heard = '';
        await eventually('the target listens, or the client gives up', async () => {
          heard = await pinged(`127.0.0.1:${port}`, socksTo(tcp.at));
          return heard !== '' || child.exitCode !== null;
        });
        return heard.endsWith('pong');
      });
    },
  ],
  '-R at a socket': [
    'ssh.forward.remote_socket',
    async () => {
      const at = fresh('r');
      const worked = await back(['-R', `${at}:${tcp.at}`], at);
      expect(existsSync(at)).toBe(worked);
      return worked;
    },
  ],
  SetEnv: ['ssh.env', () => says('value', ['-o', 'SetEnv=GW_ROW=value', 'web-1', 'printenv GW_ROW'])],
  '-s': ['ssh.subsystem', () => says('subsystem-ran', ['-s', 'web-1', 'made-up'])],
  '-s sftp': ['sftp.session', async () => (await world.ssh(['-s', 'web-1', 'sftp'], { during: askVersion })).out[4] === 2],
  'a shell': ['ssh.shell', async () => (await world.ssh(['web-1'], { input: 'echo in the shell\n' })).out.toString().endsWith('in the shell\n')],
};

async function operationsOf(session: string): Promise<RecordedOperation[]> {
  const found: RecordedOperation[] = [];
  for await (const item of readSession(world.path.journalDir, world.path.bootId, session)) if (item.kind === 'operation') found.push(item.operation);
  return found;
}

/** The decisions on `action` in the session that ran last. */
async function decided(action: string): Promise<unknown[]> {
  const operations = await operationsOf(world.path.sessions.at(-1) ?? '');
  return operations.filter(({ facts }) => facts?.effects.some((effect) => effect.action === action)).map(({ decision }) => [decision?.effect, decision?.rule]);
}

describe('each kind of channel and request has its own decision (D8)', () => {
  it.each(Object.entries(KINDS))('%s', async (_, [action, works]) => {
    world.path.setPolicy(`
version: 1
defaults: [{ operations: deny }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: programs, effect: allow, actions: [ssh.exec] }
  - { id: this-one, effect: allow, actions: [${action}] }
`);
    expect(await works(), 'with permission').toBe(true);
    expect(new Set((await decided(action)).map(String))).toEqual(new Set(['allow,test/this-one']));

    world.path.setPolicy(`
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: not-this, effect: deny, actions: [${action}], message: Not this one. }
`);
    const came = tcp.came + socket.came;
    expect(await works(), 'without').toBe(false);
    expect(await decided(action)).toEqual([['deny', 'test/not-this']]);
    expect(tcp.came + socket.came).toBe(came);
  });
});

describe('a connection that policy allows to one address (D12)', () => {
  const only = (at: string, more = ''): string => `
version: 1
defaults: [{ operations: ${more === '' ? 'deny' : 'allow'} }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - ${more === '' ? `{ id: one, effect: allow, actions: [ssh.forward.local], resources: [address: ${at}] }` : more}
`;
  const portOf = ({ at }: Service): string => at.split(':')[1] ?? '';
  const carries = async (host: string, port: string): Promise<boolean> =>
    (await world.ssh(['-W', `${host}:${port}`, 'web-1'], { input: 'ping' })).out.toString() === 'pong';

  it('carries bytes there, which are in the record, and goes nowhere else: not to another port, name, loopback or the metadata of a cloud', async () => {
    world.path.setPolicy(only(`'"127.0.0.1".${portOf(tcp)}'`));
    expect(await carries('127.0.0.1', portOf(tcp))).toBe(true);
    const [operation] = await operationsOf(world.path.sessions.at(-1) ?? '');
    expect(operation?.facts?.effects).toMatchObject([{ action: 'ssh.forward.local', resource: { type: 'address', name: ['127.0.0.1', portOf(tcp)] } }]);
    expect([operation?.received.bytes.toString(), operation?.delivered.bytes.toString(), operation?.outcome?.status]).toEqual(['ping', 'pong', 'ok']);
    const came = [tcp.came, other.came];
    const elsewhere = ['localhost', '127.1', '2130706433', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254', 'metadata.google.internal'];
    for (const [host, port] of [['127.0.0.1', portOf(other)] as const, ...elsewhere.map((host) => [host, portOf(tcp)] as const)]) {
      expect(await carries(host, port), host).toBe(false);
      expect((await operationsOf(world.path.sessions.at(-1) ?? ''))[0]?.decision?.effect, host).toBe('deny');
    }
    expect([tcp.came, other.came]).toEqual(came);
  });

  it('is not gone around where policy names what is closed: an address is the same however it is written', async () => {
    world.path.setPolicy(only('', `{ id: closed, effect: deny, actions: [ssh.forward.local], resources: [address: '"127.0.0.1".*', address: localhost.*] }`));
    const { came } = tcp;
    for (const host of [
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '0177.0.0.1',
      '2130706433',
      '127.0.0.1.',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      'localhost',
      'LocalHost',
      'localhost.',
    ]) {
      expect(await carries(host, portOf(tcp)), host).toBe(false);
      expect((await operationsOf(world.path.sessions.at(-1) ?? ''))[0]?.decision?.rule, host).toBe('test/closed');
    }
    expect(tcp.came).toBe(came);
  });
});

describe('a port that is none', () => {
  it('is not passed on: cut to 16 bits, it would be another one', () => {
    const reader = (port: number): WireReader => new WireReader(Buffer.concat([string('127.0.0.1'), uint32(port), string('127.0.0.1'), uint32(1)]));
    const forbidden = (port: number): unknown[] =>
      [askedByClient('direct-tcpip', reader(port)), askedByTarget('forwarded-tcpip', reader(port)), askedGlobally('tcpip-forward', reader(port))].map((each) =>
        each === null || each === 'pass' ? each : each.forbidden,
      );
    expect(forbidden(65_535)).toEqual([null, null, null]);
    for (const port of [65_536, 65_536 + 22, 0xff_ff_ff_ff]) expect(forbidden(port)).toEqual(Array(3).fill(`the port ${port} is none`));
  });
});

describe('a socket that policy allows or refuses by its path', () => {
  const asked = (path: string | Buffer): unknown[] => {
    const reader = (...more: Buffer[]): WireReader => new WireReader(Buffer.concat([string(path), ...more]));
    const effects = [
      askedByClient('direct-streamlocal@openssh.com', reader(string(''), uint32(0))),
      askedByTarget('forwarded-streamlocal@openssh.com', reader(string(''))),
      askedGlobally('streamlocal-forward@openssh.com', reader()),
    ].map((each) => (each === null || each === 'pass' ? each : each.facts.effects.map(({ resource }) => resource?.name)));
    return effects;
  };

  it('is judged by where the path leads, whatever way it is written, and by none where that is not certain', () => {
    const is = (name: string | null): unknown[] => Array(3).fill([[name]]);
    expect(asked('/run/app/x.sock')).toEqual(is('/run/app/x.sock'));
    for (const path of ['/run//docker.sock', '/run/./docker.sock', '//run/docker.sock', '/run/docker.sock/'])
      expect(asked(path), path).toEqual(is('/run/docker.sock'));
    for (const path of ['/run/app/../docker.sock', 'docker.sock', '~/docker.sock']) expect(asked(path), path).toEqual(is(null));
    const odd = askedGlobally('streamlocal-forward@openssh.com', new WireReader(string(Buffer.from('/run/\xff', 'latin1'))));
    expect(odd).toMatchObject({ facts: { effects: [{ resource: { name: [null] } }] } });
  });

  it('is not reached over the folder beside it, and not past a rule against it with a slash more', async () => {
    const at = (path: string): Promise<boolean> => {
      const own = fresh('l');
      return through(['-L', `${own}:${path}`], own);
    };
    const folder = world.sshd.dir;
    await mkdir(join(folder, 'app'), { recursive: true });
    const around = `${folder}/app/../service`;
    world.path.setPolicy(`
version: 1
defaults: [{ operations: deny }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: app, effect: allow, actions: [ssh.forward.local_socket], resources: [path: '${folder}/app/*'] }
`);
    const { came } = socket;
    expect(await at(around)).toBe(false);
    world.path.setPolicy(`
version: 1
defaults: [{ operations: deny }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: sockets, effect: allow, actions: [ssh.forward.local_socket] }
  - { id: not-this, effect: deny, actions: [ssh.forward.local_socket], resources: [path: '${socket.at}'] }
`);
    for (const path of [around, `${folder}//service`, `${folder}/./service`]) expect(await at(path), path).toBe(false);
    expect(socket.came).toBe(came);
  });
});

describe('ssh -w', () => {
  /** OpenSSH makes a device for the tunnel (so it takes the rights to) before it asks for its channel. */
  const tunnels = async (): Promise<{ ended: Ended; operations: readonly RecordedOperation[] }> => {
    const ended = await world.ssh(['-w', 'any:any', '-o', 'LogLevel=INFO', 'web-1', 'echo beside']);
    return { ended, operations: await operationsOf(world.path.sessions.at(-1) ?? '') };
  };

  it('is refused by the gateway where no rule allows it by name, whatever the default says, and what runs beside it goes on', async () => {
    world.path.setPolicy('version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: c, effect: allow, actions: [connect] }]\n');
    const { ended, operations } = await tunnels();
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'beside\n' });
    expect(ended.err).toContain('open failed: administratively prohibited: gw: refused by policy: ssh.tunnel: no rule allows it');
    const asked = operations.filter(({ facts }) => facts?.effects.some(({ action }) => action === 'ssh.tunnel'));
    expect(asked.map(({ exact, decision, facts }) => [exact.toString(), decision?.effect, facts?.effects[0]?.facts['assurance']])).toEqual([
      ['opens a network tunnel', 'deny', 'enforced'],
    ]);
    expect(operations.find(({ exact }) => exact.toString() === 'echo beside')?.decision?.effect).toBe('allow');
  });

  it('gets to the host where a rule allows it: the refusal before was that of the gateway', async () => {
    world.path.setPolicy(
      'version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: c, effect: allow, actions: [connect] }, { id: t, effect: allow, actions: [ssh.tunnel] }]\n',
    );
    const { ended, operations } = await tunnels();
    expect(ended.code, ended.err).toBe(0);
    expect(operations.find(({ exact }) => exact.toString() === 'opens a network tunnel')?.decision).toMatchObject({ effect: 'allow', rule: 'test/t' });
    // In the host's own words: PermitTunnel is off there.
    expect(ended.err).toContain('open failed: connect failed: open failed');
  });
});
