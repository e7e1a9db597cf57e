/**
 * Where a world lives: DIR/gateway is all that the gateway reads and writes, DIR/targets what belongs to targets, DIR/issuer and
 * DIR/authority the keys behind them, DIR/quickstart.json what must be the same after a restart.
 */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readIfThere } from '../base/read-if-there.js';
import { readEnvironment } from '../config/environment.js';
import { GwError } from '../contract/gw-error.js';
import { writePrivately } from './secret-file.js';

export interface WorldDirectory {
  readonly dir: string;
  readonly gateway: string;
  readonly configFile: string;
  readonly policy: string;
  readonly tls: string;
  readonly logFile: string;
  readonly bank: string;
  readonly web: string;
  readonly issuer: string;
  readonly authority: string;
  readonly stateFile: string;
  readonly lockFile: string;
}

export interface WorldPorts {
  readonly gateway: number;
  readonly native: number;
  readonly issuer: number;
  readonly bank: number;
  /** Of web-1, and of the gateway's native port for it. Left out: the world was made without it. */
  readonly web?: number;
  readonly webNative?: number;
}

export interface WorldState {
  readonly version: 1;
  readonly issuer: string;
  /** What `--port` said; a later start without it means the same. */
  readonly requestedPort: number;
  readonly ports: WorldPorts;
  /** Files written into the CLI's configuration that must go when the world stops. */
  readonly trustFiles: readonly string[];
}

/** The default directory, or the one given, made absolute. As root it is below /var/lib, where the servers' account can enter. */
export function worldDirectory(given: string | null): WorldDirectory {
  const dir = resolve(given ?? defaultDirectory());
  const gateway = join(dir, 'gateway');
  return {
    dir,
    gateway,
    configFile: join(gateway, 'gateway.yaml'),
    policy: join(gateway, 'policy'),
    tls: join(gateway, 'tls'),
    logFile: join(gateway, 'gateway.log'),
    bank: join(dir, 'targets', 'bank-db'),
    web: join(dir, 'targets', 'web-1'),
    issuer: join(dir, 'issuer'),
    authority: join(dir, 'authority'),
    stateFile: join(dir, 'quickstart.json'),
    lockFile: join(dir, 'quickstart.lock'),
  };
}

function defaultDirectory(): string {
  const data = readEnvironment('XDG_DATA_HOME');
  if (data !== undefined && data !== '') return join(data, 'gw', 'quickstart');
  return process.geteuid?.() === 0 ? '/var/lib/gw/quickstart' : join(homedir(), '.local', 'share', 'gw', 'quickstart');
}

/** Makes the directories that are ours alone; the servers open for their account what they need. @throws GwError `quickstart.start` */
export async function makeWorldDirectory(world: WorldDirectory): Promise<void> {
  try {
    // What lies above is not secret and, under root, must be open for the servers' account to pass.
    await mkdir(dirname(world.dir), { recursive: true, mode: process.geteuid?.() === 0 ? 0o711 : 0o700 });
    for (const each of [world.dir, world.gateway, world.policy, world.tls, dirname(world.bank), world.bank])
      await mkdir(each, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new GwError('quickstart.start', `The directory ${world.dir} cannot be made: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}.`, {
      hint: 'Choose a directory that you can write to with `--dir`.',
      cause,
    });
  }
}

/** Null when no world was ever started there. @throws GwError `quickstart.start` when the file is damaged */
export async function readWorldState(world: WorldDirectory): Promise<WorldState | null> {
  const text = await readIfThere(world.stateFile);
  if (text === null) return null;
  try {
    const state = JSON.parse(text) as WorldState;
    if (state.version === 1 && typeof state.issuer === 'string' && typeof state.ports.gateway === 'number') return state;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new GwError('quickstart.start', `The file ${world.stateFile} is damaged.`, {
    hint: `Remove it to choose ports and provider address anew, or remove ${world.dir} to start over.`,
  });
}

export async function writeWorldState(world: WorldDirectory, state: WorldState): Promise<void> {
  await writePrivately(world.stateFile, `${JSON.stringify(state, null, 2)}\n`);
}
