import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { SecretSource, TargetSettings } from '../../src/contract/settings.js';
import { runCredentialCommand } from '../../src/targets/command-credential.js';
import { createTargets, readSecret } from '../../src/targets/index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gw-targets-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const settings = (name: string, password: SecretSource | null): TargetSettings => ({
  name,
  protocol: 'postgres',
  host: 'db.internal',
  port: 5432,
  description: 'a bank',
  labels: { env: 'prod' },
  options: { mode: 'on' },
  durability: 'strict',
  credential: { username: 'gw', password },
});

const none = (): undefined => undefined;
const node = (script: string): SecretSource => ({ kind: 'command', argv: [process.execPath, '-e', script], directory });
const failure = async (source: SecretSource): Promise<GwError> => {
  const thrown: unknown = await createTargets([settings('bank-db', source)], { environment: none })
    .get('bank-db')
    ?.credential()
    .catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(GwError);
  return GwError.from(thrown);
};

describe('the registry', () => {
  it('finds targets by name and lists them in order, without their credentials', () => {
    const registry = createTargets([settings('b', null), settings('a', null)], { environment: none });
    expect(registry.list().map((target) => target.name)).toEqual(['b', 'a']);
    expect(registry.get('a')).toMatchObject({
      name: 'a',
      host: 'db.internal',
      port: 5432,
      durability: 'strict',
      options: { mode: 'on' },
      labels: { env: 'prod' },
    });
    expect(registry.get('c')).toBeUndefined();
    expect(registry.get('constructor')).toBeUndefined();
    expect(registry.get('a')?.credential).toBeTypeOf('function');
  });

  it('refuses two targets of one name', () => {
    expect(() => createTargets([settings('a', null), settings('a', null)], { environment: none })).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  });

  it('gives a user name alone when no password is configured', async () => {
    await expect(
      createTargets([settings('a', null)], { environment: none })
        .get('a')
        ?.credential(),
    ).resolves.toEqual({ username: 'gw', password: null, principals: null });
  });
});

describe('credentials', () => {
  const read = async (source: SecretSource, environment: (name: string) => string | undefined = none): Promise<string> => {
    const credential = await createTargets([settings('bank-db', source)], { environment })
      .get('bank-db')
      ?.credential();
    expect(inspect(credential)).not.toContain('hunter2');
    expect(JSON.stringify(credential)).not.toContain('hunter2');
    return credential?.password?.expose() ?? '';
  };

  it('come from a literal', async () => expect(read({ kind: 'literal', value: new Secret('hunter2') })).resolves.toBe('hunter2'));

  it('come from the environment, and an unset or empty variable is refused', async () => {
    await expect(read({ kind: 'env', name: 'PW' }, (name) => (name === 'PW' ? 'hunter2' : undefined))).resolves.toBe('hunter2');
    expect(await failure({ kind: 'env', name: 'PW' })).toMatchObject({ code: 'target.credential', message: expect.stringContaining('is not set') as string });
    await expect(readSecret({ kind: 'env', name: 'PW' }, () => '')).rejects.toMatchObject({ code: 'target.credential' });
  });

  it('come from the first line of a file, read again each time so that rotation works', async () => {
    const path = join(directory, 'secret');
    const target = createTargets([settings('a', { kind: 'file', path })], { environment: none }).get('a');
    await writeFile(path, 'hunter2\r\nsecond line\n');
    expect((await target?.credential())?.password?.expose()).toBe('hunter2');
    await writeFile(path, 'rotated');
    expect((await target?.credential())?.password?.expose()).toBe('rotated');
  });

  it('a missing, empty or binary file is refused without naming it', async () => {
    const path = join(directory, 'empty');
    const missing = await failure({ kind: 'file', path });
    expect(missing).toMatchObject({ code: 'target.credential' });
    expect(missing.message).not.toContain(directory);
    await writeFile(path, '\nsecret on the second line');
    expect((await failure({ kind: 'file', path })).message).toContain('is empty');
    await writeFile(path, 'a\0b');
    expect((await failure({ kind: 'file', path })).message).toContain('NUL');
  });

  it('come from the first line that a command prints, run again each time', async () => {
    const counter = join(directory, 'counter');
    const source = node(
      `const fs=require('fs');fs.appendFileSync(${JSON.stringify(counter)},'x');console.log('hunter2-'+fs.readFileSync(${JSON.stringify(counter)},'utf8').length);console.log('more')`,
    );
    await expect(read(source)).resolves.toBe('hunter2-1');
    await expect(read(source)).resolves.toBe('hunter2-2');
  });

  it('one run of a command serves all sessions that open meanwhile', async () => {
    const runs = join(directory, 'runs');
    await writeFile(runs, '');
    const target = createTargets(
      [
        settings(
          'a',
          node(`require('fs').appendFileSync(${JSON.stringify(runs)},'x');console.log(require('fs').readFileSync(${JSON.stringify(runs)},'utf8'))`),
        ),
      ],
      {
        environment: none,
      },
    ).get('a');
    const together = await Promise.all(Array.from({ length: 10 }, () => target?.credential()));
    expect(new Set(together.map((each) => each?.password?.expose()))).toEqual(new Set(['x']));
    expect((await target?.credential())?.password?.expose()).toBe('xx');
  });

  it('a command is never given to a shell', async () => {
    const marker = join(directory, 'marker');
    const source: SecretSource = { kind: 'command', argv: [process.execPath, '-p', 'process.argv[1]', `$(touch ${marker}); touch ${marker}`], directory };
    await expect(read(source)).resolves.toBe(`$(touch ${marker}); touch ${marker}`);
    await expect(readSecret({ kind: 'file', path: marker }, none)).rejects.toMatchObject({ code: 'target.credential' });
  });

  it('a program given by a relative path is that of the configuration directory', async () => {
    await writeFile(join(directory, 'helper.sh'), '#!/bin/sh\necho hunter2\n');
    await chmod(join(directory, 'helper.sh'), 0o700);
    await expect(read({ kind: 'command', argv: ['./helper.sh'], directory })).resolves.toBe('hunter2');
  });

  it('a failing command is refused with its exit code; what it said stays in the cause', async () => {
    const error = await failure(node("console.error('vault token s.SECRET is not valid'); process.exit(3)"));
    expect(error).toMatchObject({ code: 'target.credential', message: expect.stringContaining('exit code 3') as string });
    expect(JSON.stringify(error.toBody())).not.toContain('s.SECRET');
    expect(inspect(error.cause, { depth: 5 })).toContain('s.SECRET');
  });

  it('a program that is not there, prints nothing, or prints too much is refused', async () => {
    expect((await failure({ kind: 'command', argv: [join(directory, 'no-such-program')], directory })).message).toContain('could not be run');
    expect((await failure(node(''))).message).toContain('is empty');
    expect((await failure(node("process.stdout.write('x'.repeat(100000))"))).message).toContain('more than 64 KiB');
  });

  it('a command that waits for input sees its end; one that hangs is killed', async () => {
    await expect(read(node("process.stdin.on('end',()=>console.log('done')).resume()"))).resolves.toBe('done');
    await expect(runCredentialCommand([process.execPath, '-e', 'setInterval(()=>{},1000)'], directory, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'target.credential',
      message: 'The credential command did not finish within 500 ms.',
    });
  });
});
