/**
 * Builds the world in order (lock, certificates, target, provider, configuration, gateway) and takes it down in the reverse order. Every
 * part registers its own end as soon as it lives, so a start that fails half-way leaves as little behind as a regular stop: nothing.
 */

import { join } from 'node:path';
import { PACKAGE_ROOT } from '../base/package-root.js';
import type { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import { lockDirectory } from '../store/directory-lock.js';
import { CUSTOMERS } from './bank-rows.js';
import { BANK_ACCESS, type BankTarget, startBankTarget } from './bank-target.js';
import { type Authority, keptCertificate, openAuthority } from './certificates.js';
import { authorityFile, type WorldAddresses, writeGatewayFiles } from './gateway-files.js';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.js';
import { writePrivately } from './secret-file.js';
import { type RunningIssuer, startIssuer } from './start-issuer.js';
import { plantTrust, removeTrust } from './trust-files.js';
import { type LeftOut, startWebTarget, type WebTarget } from './web-target.js';
import {
  makeWorldDirectory,
  readWorldState,
  type WorldDirectory,
  type WorldPorts,
  type WorldState,
  worldDirectory,
  writeWorldState,
} from './world-directory.js';
import { planPorts } from './world-ports.js';

export interface QuickstartOptions {
  readonly dir: string | null;
  readonly port: number | null;
  readonly scale: number | null;
  /** Where the CLI looks for the authority of a gateway with this address. */
  readonly trustFile: (gateway: URL) => string;
  /** Told what is being done, one short line each. */
  readonly progress: (step: string) => void;
  /** Interrupts the start; what was started is stopped again. */
  readonly signal: AbortSignal;
  /** Where to look for an sshd. Left out: where systems have it. */
  readonly sshdFolders?: readonly string[];
}

export interface WorldHost {
  readonly host: string;
  readonly port: number;
  /** Which server it is, for people. */
  readonly server: string;
  /** `host:port` for ssh clients without gw. */
  readonly native: string;
}

/** What runs, as `--json` and the print give it. */
export interface World {
  readonly directory: WorldDirectory;
  readonly gateway: string;
  readonly native: string;
  /** web-1, or why there is none. */
  readonly web: WorldHost | LeftOut;
  readonly issuer: string;
  readonly caFile: string;
  readonly bank: Pick<BankTarget, 'host' | 'port' | 'database' | 'scale'> & {
    readonly customers: number;
    readonly directUrl: Secret;
    readonly directRoleUrl: Secret;
  };
  readonly gatewayPid: number;
}

export interface RunningQuickstart {
  readonly world: World;
  /** Resolves with what happened when a part of the world ends by itself. */
  readonly broken: Promise<GwError>;
  /** Ends everything; the gateway gets `graceMs` to drain. Any number of calls; a later one with less time hurries. */
  stop(graceMs: number): Promise<void>;
}

/** Time for the gateway to drain when a start failed. */
const FAILED_START_GRACE_MS = 5_000;

type End = (graceMs: number) => Promise<void>;

/** @throws GwError `store.in_use` | `store.start` | `quickstart.start` | `gateway.*` | `config.invalid` | `usage.invalid` */
export async function startQuickstart(options: QuickstartOptions): Promise<RunningQuickstart> {
  const directory = worldDirectory(options.dir);
  const ends: End[] = [];
  try {
    await makeWorldDirectory(directory);
    const lock = await lockDirectory(directory.lockFile, `The quickstart directory ${directory.dir}`);
    ends.push(() => lock.release());
    return await build(directory, options, ends);
  } catch (cause) {
    await takeDown(ends, FAILED_START_GRACE_MS);
    throw cause;
  }
}

async function build(directory: WorldDirectory, options: QuickstartOptions, ends: End[]): Promise<RunningQuickstart> {
  const step = (text: string): void => {
    if (options.signal.aborted) throw new GwError('quickstart.start', 'The start was interrupted.');
    options.progress(text);
  };
  step('certificates');
  const before = await readWorldState(directory);
  const { ports: planned, requestedPort } = await planPorts(options.port, before);
  const authority = await openAuthority(directory.authority);
  await removeTrust(before?.trustFiles ?? [], authority.certificate);
  await writePrivately(authorityFile(directory), authority.certificate);
  await keptCertificate(authority, 'gw quickstart gateway', join(directory.tls, 'gateway.pem'), join(directory.tls, 'gateway-key.pem'));

  step(before === null ? 'making the bank, starting the identity provider and the gateway' : 'starting the bank, the identity provider and the gateway');
  const startBank = async (): Promise<BankTarget> => {
    const bank = await startBankTarget({
      directory: directory.bank,
      base: directory.dir,
      port: planned.bank,
      scale: options.scale,
      tls: await authority.issue('bank-db'),
    });
    // Right above the lock: whatever else lives by then ends before the target does.
    ends.splice(1, 0, () => bank.stop());
    return bank;
  };
  const startHost = async (): Promise<WebTarget | LeftOut> => {
    if (planned.web === undefined) return { leftOut: 'this world was made without it; one in a new directory (--dir) has it' };
    const { sshdFolders } = options;
    const web = await startWebTarget({ directory: directory.web, base: directory.dir, port: planned.web, packageRoot: PACKAGE_ROOT, sshdFolders });
    if ('stop' in web) ends.splice(1, 0, () => web.stop());
    return web;
  };
  const startFront = async (): Promise<{ issuer: RunningIssuer; gateway: GatewayProcess; web: WebTarget | LeftOut }> => {
    const host = startHost();
    // It never fails, and has started, or not, before anything is taken down.
    const issuer = await startIssuer(planned.issuer, directory.issuer).finally(() => host);
    const web = await host;
    ends.push(() => issuer.stop());
    const access = { bank: BANK_ACCESS, web: 'stop' in web ? { username: web.username } : null };
    const { web: _, webNative: __, ...withoutHost } = planned;
    const ports = before === null && access.web === null ? withoutHost : planned;
    const state: WorldState = { version: 1, issuer: issuer.url, requestedPort, ports, trustFiles: before?.trustFiles ?? [] };
    const moved = before === null ? null : addresses(before.ports, before.issuer);
    await writeGatewayFiles(directory, addresses(planned, issuer.url), moved, access, join(PACKAGE_ROOT, 'policies'));
    await writeWorldState(directory, state);
    const gateway = await startGatewayProcess({
      packageRoot: PACKAGE_ROOT,
      configFile: directory.configFile,
      logFile: directory.logFile,
      signal: options.signal,
    });
    ends.push((graceMs) => gateway.stop(graceMs));
    await trust(gateway, authority, directory, state, options, ends);
    return { issuer, gateway, web };
  };
  // Side by side, on as many cores as there are; both have ended, well or badly, before anything is taken down.
  const [bank, front] = await Promise.allSettled([startBank(), startFront()]);
  if (bank.status === 'rejected') throw bank.reason;
  if (front.status === 'rejected') throw front.reason;
  return running(directory, bank.value, front.value, ends);
}

/** The same gateway has two names on its own machine; the CLI keeps trust per name. */
async function trust(
  gateway: GatewayProcess,
  authority: Authority,
  directory: WorldDirectory,
  state: WorldState,
  options: QuickstartOptions,
  ends: End[],
): Promise<void> {
  const url = new URL(gateway.url);
  const names = new Set([url.hostname, '127.0.0.1', 'localhost']);
  const trustFiles = [...names].map((name) => options.trustFile(new URL(`https://${name}:${url.port === '' ? '443' : url.port}`)));
  // Written down first: after a kill -9 the next start knows what to remove.
  await writeWorldState(directory, { ...state, trustFiles });
  ends.push(() => removeTrust(trustFiles, authority.certificate));
  await plantTrust(trustFiles, authority.certificate);
}

function running(
  directory: WorldDirectory,
  bank: BankTarget,
  { issuer, gateway, web }: { readonly issuer: RunningIssuer; readonly gateway: GatewayProcess; readonly web: WebTarget | LeftOut },
  ends: End[],
): RunningQuickstart {
  const { host, port, database, scale, directUrl, directRoleUrl } = bank;
  let stopping: Promise<void> | null = null;
  return {
    world: {
      directory,
      gateway: gateway.url,
      native: gateway.native['postgres'] ?? '',
      web: 'stop' in web ? { host: web.host, port: web.port, server: web.server, native: gateway.native['ssh'] ?? '' } : web,
      issuer: issuer.url,
      caFile: authorityFile(directory),
      bank: { host, port, database, scale, directUrl, directRoleUrl, customers: CUSTOMERS * scale },
      gatewayPid: gateway.pid,
    },
    broken: Promise.race([
      gateway.exited.then(() => new GwError('gateway.start', 'The gateway ended by itself.', { hint: `Read its log: ${directory.logFile}` })),
      bank.exited.then(() => new GwError('store.start', 'The database server of bank-db ended by itself.')),
      ...('stop' in web ? [web.exited.then(() => new GwError('quickstart.start', `The server of web-1 (${web.server}) ended by itself.`))] : []),
    ]),
    stop: (graceMs) => {
      if (stopping === null) stopping = takeDown(ends, graceMs);
      else void gateway.stop(graceMs);
      return stopping;
    },
  };
}

/** Runs every end, the last first. One that fails does not keep the others from running; the first failure is reported. */
async function takeDown(ends: End[], graceMs: number): Promise<void> {
  const failures: unknown[] = [];
  for (const end of ends.splice(0).reverse()) {
    try {
      await end(graceMs);
    } catch (cause) {
      failures.push(cause);
    }
  }
  if (failures.length > 0) throw GwError.from(failures[0]);
}

function addresses(ports: WorldPorts, issuer: string): WorldAddresses {
  const at = (port: number | undefined): string | null => (port === undefined ? null : `127.0.0.1:${port}`);
  return {
    gateway: `127.0.0.1:${ports.gateway}`,
    native: `127.0.0.1:${ports.native}`,
    bank: `127.0.0.1:${ports.bank}`,
    web: at(ports.web),
    webNative: at(ports.webNative),
    issuer,
  };
}
