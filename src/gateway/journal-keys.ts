/**
 * What wraps the keys of journals: the keys that the configuration names, a key service, or one key that the gateway makes and keeps in its data
 * directory. A gateway whose journals need a key that is not here does not start: it would record what nobody could read together.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere } from '../base/read-if-there.js';
import type { EncryptionSettings, GatewayConfig } from '../config/index.js';
import { GwError } from '../contract/gw-error.js';
import {
  createKeyFileWrapper,
  isUnused,
  JournalKeyring,
  type KeyFile,
  type KeyUnwrapper,
  type KeyWrapper,
  listWorkers,
  readKeyFile,
  readWrappedKey,
} from '../recording/index.js';
import { runCredentialCommand } from '../targets/index.js';
import { configuredSecret } from './configured-secret.js';
import { keptSecret } from './kept-secret.js';

const BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/_=-]{1,65536}$/;

export interface JournalKeyService {
  readonly wrapper: KeyWrapper;
  readonly keyring: JournalKeyring;
}

/** Journals, and the key that the gateway keeps itself, in a data directory. */
export function journalDirectory(dataDir: string): string {
  return join(dataDir, 'journal');
}

function ownKeyPath(dataDir: string): string {
  return join(dataDir, 'journal-key');
}

/** @throws GwError `config.invalid` for a key that cannot be read; `recording.key` when journals that are here need one that is not */
export async function loadJournalKeys(config: GatewayConfig, now: number): Promise<JournalKeyService> {
  const { encryption } = config.recording;
  const { dataDir } = config.gateway;
  const files = await configuredKeys(encryption);
  const kms = encryption.kms === null ? null : keyService(encryption.kms, config.directory);
  const needed = await neededKeys(journalDirectory(dataDir));
  const own = await readIfThere(ownKeyPath(dataDir));
  if (own !== null) files.push(createKeyFileWrapper(readKeyFile(own.trim(), `The key in ${ownKeyPath(dataDir)}`)));
  requireKnown(needed, unwrapperOf(files, kms), ownKeyPath(dataDir));
  let wrapper: KeyWrapper | undefined = kms ?? files[0];
  if (wrapper === undefined) {
    const made = await keptSecret(ownKeyPath(dataDir), () => randomBytes(BYTES).toString('hex'), now);
    const file = createKeyFileWrapper(readKeyFile(made, `The key in ${ownKeyPath(dataDir)}`));
    files.push(file);
    wrapper = file;
  }
  return { wrapper, keyring: new JournalKeyring(unwrapperOf(files, kms)) };
}

/** Opens the journals in a copy of a data directory by the key that lies beside them. @throws GwError `config.invalid` for what is no key */
export async function keyringBeside(dataDir: string): Promise<JournalKeyring> {
  const own = await readIfThere(ownKeyPath(dataDir));
  const files = own === null ? [] : [createKeyFileWrapper(readKeyFile(own.trim(), `The key in ${ownKeyPath(dataDir)}`))];
  return new JournalKeyring(unwrapperOf(files, null));
}

async function configuredKeys({ keys }: EncryptionSettings): Promise<KeyFile[]> {
  const files: KeyFile[] = [];
  for (const [at, secret] of keys.entries()) {
    const what = `Key ${at + 1} of the journals (recording.encryption.keys)`;
    files.push(createKeyFileWrapper(readKeyFile(await configuredSecret(secret, what), what)));
  }
  return files;
}

/** Which keys the journals that are here were wrapped by, each with one journal. Where nothing was recorded, none is needed, and it may be torn. */
async function neededKeys(journalDir: string): Promise<Map<string, string>> {
  const needed = new Map<string, string>();
  for (const journal of await listWorkers(journalDir)) {
    if (await isUnused(join(journalDir, journal))) continue;
    const kept = await readWrappedKey(join(journalDir, journal));
    if (kept !== null) needed.set(kept.wrappedBy, journal);
  }
  return needed;
}

function requireKnown(needed: ReadonlyMap<string, string>, known: KeyUnwrapper, ownPath: string): void {
  for (const [id, journal] of needed) {
    if (known.knows(id)) continue;
    throw new GwError(
      'recording.key',
      `The journal ${journal} is encrypted, and its key was wrapped by "${id}", which is not among the keys of this gateway.`,
      {
        hint: `Put that key back: under recording.encryption.keys as an older one, or in ${ownPath}. If it is lost, the journal cannot be read any more: move it away.`,
      },
    );
  }
}

interface KeyService extends KeyWrapper {
  unwrap(wrapped: string): Promise<Buffer>;
}

function unwrapperOf(files: readonly KeyFile[], kms: KeyService | null): KeyUnwrapper {
  const find = (id: string): KeyFile | KeyService | undefined => (kms?.id === id ? kms : files.find((each) => each.id === id));
  return {
    knows: (id) => find(id) !== undefined,
    unwrap: async (id, wrapped) => {
      const key = find(id);
      if (key === undefined) throw new GwError('recording.key', `The journal needs the key "${id}", which is not among the keys of this gateway.`);
      return key.unwrap(wrapped);
    },
  };
}

/** A program of the administrator's that speaks to the service. What it wraps is unwrapped once before anything is encrypted by it. */
function keyService({ name, wrap, unwrap, timeoutMs }: NonNullable<EncryptionSettings['kms']>, directory: string): KeyService {
  const run = async (argv: readonly string[], input: string, what: string): Promise<string> => {
    try {
      const line = (await runCredentialCommand(argv, directory, { timeoutMs, input: `${input}\n` })).trim();
      if (BASE64.test(line)) return line;
    } catch (cause) {
      throw new GwError('recording.key', `The key service could not ${what} a key. ${GwError.from(cause).message}`, { cause });
    }
    throw new GwError('recording.key', `The key service could not ${what} a key: it printed something else than one line of base64.`);
  };
  const open = async (wrapped: string): Promise<Buffer> => Buffer.from(await run(unwrap, wrapped, 'unwrap'), 'base64');
  return {
    id: `kms ${name}`,
    wrap: async (key) => {
      const wrapped = await run(wrap, key.toString('base64'), 'wrap');
      if (wrapped === key.toString('base64')) throw new GwError('recording.key', 'The key service printed the key as it was, not wrapped.');
      if (!(await open(wrapped)).equals(key))
        throw new GwError('recording.key', 'The key service unwraps another key than it wrapped: what it encrypts could never be read.');
      return wrapped;
    },
    unwrap: open,
  };
}
