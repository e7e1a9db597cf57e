/** `gw connect` and `gw psql` with the real CLI against the contract, with a native client that needs the tunnel to answer. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TunnelReply } from '../../src/contract/api-types.js';
import { type FakeGateway, lineTarget, startFakeGateway } from '../support/fake-gateway.js';
import { LINE_CLIENT } from '../support/line-client.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority, type TestAuthority } from '../support/test-authority.js';

let authority: TestAuthority;
let gateway: FakeGateway;
let home: CliHome;
let reply: TunnelReply | null = null;
let token: string;
let env: Record<string, string>;

beforeAll(async () => {
  authority = await makeAuthority();
  home = await makeHome();
  await home.program('gwt-client', LINE_CLIENT);
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    targets: [
      lineTarget('bank-db'),
      lineTarget('vault', {
        reachable: false,
        rule: 'base/no-vault',
        reasons: ['connect to vault: denied', 'only dba may open the vault.'],
        hint: 'Ask a dba.',
      }),
      lineTarget('odd', { client: { ...lineTarget('odd').client, command: 'not-installed-here' } }),
      lineTarget('evil', { client: { ...lineTarget('evil').client, command: 'sh', args: ['-c', 'echo owned'] } }),
      lineTarget('leaky', { client: { ...lineTarget('leaky').client, args: ['{secret}'] } }),
      lineTarget('loader', { client: { ...lineTarget('loader').client, env: { LD_PRELOAD: '/tmp/x.so' } } }),
    ],
    tunnel: (hello) => reply ?? { ok: true, session: `ses_${hello.target}` },
  });
  await home.trust(gateway.port, authority.ca);
  token = tokenFor('alice');
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: token };
});

afterAll(async () => {
  await gateway.close();
  await home.remove();
});

describe('gw connect', () => {
  it('runs the native client of the target through the tunnel, with its arguments', async () => {
    const result = await home.run(['connect', 'bank-db', '--reason', 'TICKET-7', '--', 'hello', 'world'], { env });
    expect(result).toMatchObject({ code: 0, stdout: 'welcome\nHELLO\nWORLD\n' });
    const hello = gateway.hellos.at(-1);
    expect(hello).toMatchObject({ target: 'bank-db', reason: 'TICKET-7', token });
    expect(hello?.client).toMatch(/^gw\/\d/);
    expect(hello?.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('passes the exit code of the client through', async () => {
    expect(await home.run(['connect', 'bank-db', '--', '--exit=42', 'x'], { env })).toMatchObject({ code: 42 });
  });

  it('redteam 6h: the secret is in the environment of the client only, and gw’s own secrets are in no child', async () => {
    const result = await home.run(['connect', 'bank-db', '--', '--dump'], {
      env: { ...env, GW_KEYRING_PASSPHRASE: 'open sesame', GWT_ELSEWHERE: 'other-host' },
    });
    const dump = JSON.parse(result.stdout) as { argv: string[]; env: Record<string, string> };
    expect(dump.env['GWT_SECRET']).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(dump.argv.join(' ')).not.toContain(dump.env['GWT_SECRET']);
    expect(dump.env).not.toHaveProperty('GW_ID_TOKEN');
    expect(dump.env).not.toHaveProperty('GW_KEYRING_PASSPHRASE');
    // An empty value in the descriptor takes a variable away that would lead the client elsewhere.
    expect(dump.env).not.toHaveProperty('GWT_ELSEWHERE');
    expect(JSON.stringify(dump)).not.toContain(token);
  });

  it('uses another secret in each process', async () => {
    const secrets = await Promise.all(
      [1, 2].map(
        async () => (JSON.parse((await home.run(['connect', 'bank-db', '--', '--dump'], { env })).stdout) as { env: Record<string, string> }).env['GWT_SECRET'],
      ),
    );
    expect(secrets[0]).not.toBe(secrets[1]);
  });

  it('says why policy does not let it, before anything starts', async () => {
    const result = await home.run(['connect', 'vault'], { env });
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('connect to vault: denied; only dba may open the vault.\n');
    expect(result.stderr).toMatch(/next +Ask a dba\./);
    expect(result.stderr).toContain('base/no-vault');
  });

  it('says the reason of a refused tunnel and ends with its exit code', async () => {
    const before = gateway.hellos.length;
    reply = { ok: false, code: 'login.locked', message: 'This identity is locked by carol.', hint: 'Ask carol.' };
    try {
      const result = await home.run(['connect', 'bank-db', '--', 'x'], { env });
      expect(result.code).toBe(3);
      expect(result.stderr).toContain('locked by carol');
      expect(gateway.hellos.length).toBe(before + 1);
    } finally {
      reply = null;
    }
  });

  it.each([
    ['unknown', 3, 'no target'],
    ['odd', 2, 'gw connect odd --listen'],
    ['evil', 2, 'runs any program'],
    ['leaky', 2, 'the secret would be an argument'],
    ['loader', 2, 'LD_PRELOAD'],
  ])('refuses %s with exit code %i', async (target, code, words) => {
    const result = await home.run(['connect', target], { env });
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(words);
  });

  it('says how to get a missing client', async () => {
    expect((await home.run(['connect', 'odd'], { env })).stderr).toContain('Debian: apt install gwt-client');
  });

  it('--listen keeps the port open for any client that knows the secret, and not for one that does not', async () => {
    const cli = home.start(['connect', 'bank-db', '--listen'], { env });
    const url = new URL((await cli.stdoutHas('\n')).trim().replace('line:', 'http:'));
    expect(url.hostname).toBe('127.0.0.1');
    const talk = async (secret: string): Promise<string> => {
      const socket = connect(Number(url.port), url.hostname);
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('PING')) socket.end();
      });
      socket.write(`SECRET ${secret}\nping\n`);
      await once(socket, 'close');
      return text;
    };
    expect(await talk(url.password)).toBe('welcome\nPING\n');
    expect(await talk('x'.repeat(43))).toBe('wrong secret\n');
    expect(gateway.resumed.at(-1)).toBe(true);
    cli.child.kill('SIGINT');
    expect(await cli.done).toMatchObject({ code: 0, signal: null });
    expect((await cli.done).stderr).not.toContain(token);
  });

  it('--print env prints what a shell can evaluate, on the port that was asked for', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const free = (probe.address() as AddressInfo).port;
    probe.close();
    await once(probe, 'close');
    const cli = home.start(['connect', 'bank-db', '--print', 'env', '--listen', String(free)], { env });
    const text = await cli.stdoutHas('unset GWT_ELSEWHERE');
    expect(text).toContain(`export GWT_PORT='${free}'`);
    cli.child.kill('SIGTERM');
    expect((await cli.done).code).toBe(0);
  });

  it('--print json prints one line of JSON', async () => {
    const cli = home.start(['connect', 'bank-db', '--print', 'json'], { env });
    const value = JSON.parse(await cli.stdoutHas('\n')) as { target: string; port: number; env: Record<string, string> };
    expect(value.target).toBe('bank-db');
    expect(value.env['GWT_PORT']).toBe(String(value.port));
    cli.child.kill('SIGTERM');
    await cli.done;
  });

  it('says that a port is taken', async () => {
    const result = await home.run(['connect', 'bank-db', '--listen', String(gateway.port)], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(`127.0.0.1:${gateway.port}`);
  });

  it('names an unknown flag as a usage error and says where the client’s flags go', async () => {
    const result = await home.run(['connect', 'bank-db', '-c', 'x'], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('after `--`');
  });
});

describe('gw psql', () => {
  it('does not run another client under its name', async () => {
    const result = await home.run(['psql', 'bank-db'], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('not a target for psql');
  });
});
