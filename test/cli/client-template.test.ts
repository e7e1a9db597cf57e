/** The descriptor of a target's client, which comes from the gateway and is not believed blindly. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { combinedEnvironment, fillClient, shellExports, variablePrefix } from '../../src/cli/native-client/client-template.js';
import { splitLine, withListenPort } from '../../src/cli/native-client/command-line.js';
import { lineTarget } from '../support/fake-gateway.js';

const port = { host: '127.0.0.1', port: 4711, secret: 'S-_s', folder: '/run/gw-1', keyFile: '/run/gw-1/0.key' };
const withClient = (change: object) => lineTarget('bank-db', { client: { ...lineTarget('x').client, ...change } });

describe('fillClient', () => {
  it('replaces the placeholders, and encodes them in the URL', () => {
    const filled = fillClient(lineTarget('bank db/x', { database: 'a b&c' }), port);
    expect(filled.env).toEqual({ GWT_HOST: '127.0.0.1', GWT_PORT: '4711', GWT_SECRET: 'S-_s', GWT_NAME: 'a b&c', GWT_ELSEWHERE: null });
    expect(filled.url).toBe('line://bank%20db%2Fx:S-_s@127.0.0.1:4711/a%20b%26c');
    expect(filled.args).toEqual(['--target', 'bank db/x']);
  });

  it('does not replace twice: a value that looks like a placeholder stays', () => {
    expect(fillClient(lineTarget('{secret}'), port).args).toEqual(['--target', '{secret}']);
  });

  it.each(['sh', 'bash', 'python3', 'node', 'env', 'sudo', 'perl5.36', 'BASH', '/bin/x', '../x', 'a b', '', '-c', 'x;y'])(
    'refuses the program %j',
    (command) => {
      expect(() => fillClient(withClient({ command }), port)).toThrow(/does not follow/);
    },
  );

  it.each(['psql', 'ssh', 'kubectl', 'mysql', 'redis-cli', 'aws'])('takes the program %j', (command) => {
    expect(fillClient(withClient({ command }), port).command).toBe(command);
  });

  it('gives the client files of its own, and their paths', () => {
    const filled = fillClient(withClient({ files: { config: 'Port {port}\nKey {keyFile}\n' }, args: ['-F', '{file:config}'] }), port);
    expect(filled.args).toEqual(['-F', '/run/gw-1/bank-db-config']);
    expect(filled.files).toEqual({ '/run/gw-1/bank-db-config': 'Port 4711\nKey /run/gw-1/0.key\n' });
  });

  it.each([
    { files: { config: 'ProxyCommand curl evil' } },
    { files: { config: 'Match exec "touch /tmp/x"' } },
    { files: { config: 'Include /tmp/x' } },
    { files: { config: '{secret}' } },
    { files: { '../config': '' } },
    { args: ['-o', 'ProxyCommand=curl evil'] },
    { args: ['-oLocalCommand=x'] },
    { env: { GIT_SSH_COMMAND: 'curl evil' } },
    { env: { RSYNC_RSH: 'gwt-client; curl evil' } },
  ])('refuses what would run another program: %j', (change) => {
    expect(() => fillClient(withClient(change), port)).toThrow(/does not follow/);
  });

  it.each(['LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS', 'PATH', 'GW_GATEWAY', 'BASH_ENV', 'PAGER', 'A=B', ''])('refuses the variable %j', (name) => {
    expect(() => fillClient(withClient({ env: { [name]: 'x' } }), port)).toThrow(/variable/);
  });

  it('redteam 6h: refuses a secret in an argument', () => {
    expect(() => fillClient(withClient({ args: ['--password={secret}'] }), port)).toThrow(/secret/);
  });
});

describe('the environment of several targets', () => {
  it('has a prefix that a shell can read', () => {
    expect(variablePrefix('bank-db')).toBe('BANK_DB_');
    expect(variablePrefix('2nd.db')).toBe('_2ND_DB_');
  });

  it('takes variables away, but gives no prefix to what is taken away', () => {
    const env = combinedEnvironment([{ name: 'bank-db', client: fillClient(lineTarget('bank-db'), port) }]);
    expect(env['GWT_ELSEWHERE']).toBeNull();
    expect(Object.keys(env)).not.toContain('BANK_DB_GWT_ELSEWHERE');
  });

  it('is safe to evaluate in a shell, whatever it holds', () => {
    const value = `a'b"$(echo no)\`echo no\`\\ c;echo no`;
    const text = shellExports({ X: value, Y: null });
    expect(execFileSync('sh', ['-c', `Y=1\n${text}\nprintf '%s|%s' "$X" "\${Y-unset}"`], { encoding: 'utf8' })).toBe(`${value}|unset`);
  });
});

describe('the command line', () => {
  it('is split at the first -- only', () => {
    expect(splitLine(['a', '--', 'b', '--', 'c'])).toEqual({ own: ['a'], rest: ['b', '--', 'c'] });
    expect(splitLine(['a'])).toEqual({ own: ['a'], rest: null });
  });

  it('lets --listen stand alone or before a port', () => {
    expect(withListenPort(['db', '--listen'])).toEqual(['db', '--listen=0']);
    expect(withListenPort(['--listen', '5432', 'db'])).toEqual(['--listen=5432', 'db']);
    expect(withListenPort(['--listen', 'db'])).toEqual(['--listen=0', 'db']);
    expect(withListenPort(['--listen=1', 'db'])).toEqual(['--listen=1', 'db']);
  });
});
