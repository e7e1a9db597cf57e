/** What wraps the keys of journals: a missing or wrong key, and a key service that fails, hangs or lies, keep a gateway from starting, and say why. */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EncryptionSettings, GatewayConfig } from '../../src/config/index.js';
import { loadJournalKeys } from '../../src/gateway/journal-keys.js';
import { collect, end, integrity, open, start, withDirectory } from '../recording/session-fixture.js';

const NOW = 1_790_000_000_000;
const KEY = 'a1'.repeat(32);

const configOf = (dir: string, encryption: Partial<EncryptionSettings> = {}): GatewayConfig =>
  ({ directory: dir, gateway: { dataDir: dir }, recording: { encryption: { keys: [], kms: null, ...encryption } } }) as unknown as GatewayConfig;

async function keyAt(dir: string, name: string, text: string): Promise<EncryptionSettings['keys'][number]> {
  await writeFile(join(dir, name), `${text}\n`, { mode: 0o600 });
  return { kind: 'file', path: join(dir, name) };
}

/** Records a session below `dir` with the keys that a configuration gives. */
async function record(config: GatewayConfig, bootId: string): Promise<void> {
  const { wrapper } = await loadJournalKeys(config, NOW);
  const journal = await open(join(config.gateway.dataDir, 'journal'), { bootId, encryption: wrapper });
  journal.begin(start('ses_1')).end(end);
  await journal.close();
}

async function readBack(config: GatewayConfig, bootId: string): Promise<boolean> {
  const { keyring } = await loadJournalKeys(config, NOW);
  return integrity(await collect(join(config.gateway.dataDir, 'journal'), bootId, 'ses_1', keyring)).intact;
}

/** A key service: a shell script of the administrator's. */
async function service(dir: string, name: string, script: string): Promise<string[]> {
  await writeFile(join(dir, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(dir, name), 0o755);
  return [join(dir, name)];
}

/** Wraps with openssl, under a password of its own. */
const WRAP = 'openssl enc -aes-256-cbc -pbkdf2 -pass pass:kms -base64 -A';
const UNWRAP = 'openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:kms -base64 -A';
const kms = (wrap: readonly string[], unwrap: readonly string[], timeoutMs = 10_000): Partial<EncryptionSettings> => ({
  kms: { name: 'alias/gw', wrap, unwrap, timeoutMs },
});

describe('keys of journals', () => {
  it('makes a key when there is none, once, readable by its user only, and goes on with it', () =>
    withDirectory(async (dir) => {
      await record(configOf(dir), 'w1');
      const made = await readFile(join(dir, 'journal-key'), 'utf8');
      expect(made).toMatch(/^[0-9a-f]{64}\n$/);
      await record(configOf(dir), 'w2');
      expect(await readFile(join(dir, 'journal-key'), 'utf8')).toBe(made);
      expect(await readBack(configOf(dir), 'w1')).toBe(true);
    }));

  it('does not start when the key of its journals is gone, and makes no other in its place', () =>
    withDirectory(async (dir) => {
      await record(configOf(dir), 'w1');
      await rm(join(dir, 'journal-key'));
      await expect(loadJournalKeys(configOf(dir), NOW)).rejects.toMatchObject({
        code: 'recording.key',
        message: expect.stringContaining('The journal w1 is encrypted, and its key was wrapped by "key '),
        hint: expect.stringContaining('Put that key back'),
      });
      await expect(readFile(join(dir, 'journal-key'))).rejects.toMatchObject({ code: 'ENOENT' });
    }));

  it('needs no key for a journal whose process died before it recorded anything', () =>
    withDirectory(async (dir) => {
      await mkdir(join(dir, 'journal', 'w0'), { recursive: true });
      await writeFile(join(dir, 'journal', 'w0', 'keys.json'), '');
      await record(configOf(dir), 'w1');
      expect(await readBack(configOf(dir), 'w1')).toBe(true);
    }));

  it('does not start with another key, and does when the older one is given as well', () =>
    withDirectory(async (dir) => {
      const [one, two] = [await keyAt(dir, 'one', KEY), await keyAt(dir, 'two', Buffer.alloc(32, 9).toString('base64'))];
      await record(configOf(dir, { keys: [one] }), 'w1');
      await expect(loadJournalKeys(configOf(dir, { keys: [two] }), NOW)).rejects.toMatchObject({ code: 'recording.key' });
      await record(configOf(dir, { keys: [two, one] }), 'w2');
      for (const journal of ['w1', 'w2']) expect(await readBack(configOf(dir, { keys: [two, one] }), journal)).toBe(true);
    }));

  it('refuses what is no key', () =>
    withDirectory(async (dir) => {
      for (const text of ['a1'.repeat(31), 'short', 'z'.repeat(64)]) {
        const key = await keyAt(dir, 'bad', text);
        await expect(loadJournalKeys(configOf(dir, { keys: [key] }), NOW), text).rejects.toMatchObject({ code: 'config.invalid' });
      }
      await expect(loadJournalKeys(configOf(dir, { keys: [{ kind: 'file', path: join(dir, 'nowhere') }] }), NOW)).rejects.toMatchObject({
        code: 'config.invalid',
        message: expect.stringContaining('Key 1 of the journals'),
      });
    }));

  it('has keys wrapped by a key service, and journals read by it', () =>
    withDirectory(async (dir) => {
      const config = configOf(dir, kms(await service(dir, 'wrap', WRAP), await service(dir, 'unwrap', UNWRAP)));
      await record(config, 'w1');
      expect(await readFile(join(dir, 'journal', 'w1', 'keys.json'), 'utf8')).toContain('"wrappedBy":"kms alias/gw"');
      expect(await readBack(config, 'w1')).toBe(true);
      await expect(readFile(join(dir, 'journal-key'))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(loadJournalKeys(configOf(dir), NOW), 'without the service').rejects.toMatchObject({ code: 'recording.key' });
    }));

  it.each([
    ['fails', 'exit 3', UNWRAP, 'could not wrap a key. The credential command failed with exit code 3'],
    ['hangs', 'exec sleep 600', UNWRAP, 'did not finish within 300 ms'],
    ['prints nothing', 'true', UNWRAP, 'printed something else than one line of base64'],
    ['prints an error', 'echo "access denied: no such key"', UNWRAP, 'printed something else than one line of base64'],
    ['gives the key back as it is', 'cat', 'cat', 'printed the key as it was'],
    ['cannot unwrap', WRAP, 'exit 1', 'could not unwrap a key'],
    ['unwraps another key', WRAP, `echo ${Buffer.alloc(32, 1).toString('base64')}`, 'unwraps another key than it wrapped'],
  ])('refuses a key service that %s', (what, wrap, unwrap, message) =>
    withDirectory(async (dir) => {
      // Only the one that hangs is waited for so briefly: the others may take their time.
      const settings = kms(await service(dir, 'wrap', wrap), await service(dir, 'unwrap', unwrap), what === 'hangs' ? 300 : undefined);
      const { wrapper } = await loadJournalKeys(configOf(dir, settings), NOW);
      await mkdir(join(dir, 'journal'));
      await expect(open(join(dir, 'journal'), { bootId: 'w', encryption: wrapper })).rejects.toMatchObject({
        code: 'recording.key',
        message: expect.stringContaining(message),
      });
    }),
  );

  it('asks a key service again that was away', () =>
    withDirectory(async (dir) => {
      const settings = kms(await service(dir, 'wrap', WRAP), await service(dir, 'unwrap', UNWRAP));
      await record(configOf(dir, settings), 'w1');
      const { keyring } = await loadJournalKeys(configOf(dir, settings), NOW);
      await service(dir, 'unwrap', 'exit 1');
      await expect(keyring.opener(join(dir, 'journal'), 'w1')).rejects.toMatchObject({ code: 'recording.key' });
      await service(dir, 'unwrap', UNWRAP);
      await keyring.opener(join(dir, 'journal'), 'w1');
    }));
});
