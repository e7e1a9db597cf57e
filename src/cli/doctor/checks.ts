/**
 * `gw doctor`: looks at everything between this machine and a session, and says for each what is wrong and what helps. A check never
 * throws; what cannot be looked at, because an earlier check failed, is left out.
 */

import { GwError } from '../../contract/gw-error.js';
import { openReach, type Reach, tryConnection } from '../connection.js';
import type { Environment } from '../environment.js';
import { findProgram } from '../native-client/find-program.js';
import type { Settings } from '../profile/settings.js';
import { duration } from '../render/relative-time.js';
import { readStatus } from '../status.js';
import type { Finding } from './finding.js';
import { checkFiles, checkKeychain, checkRuntime } from './machine-checks.js';

/** Tokens are checked with a little leeway; a clock further off than this breaks logins. Milliseconds. */
const CLOCK_LIMIT = 30_000;
const CERTIFICATE_WARNING = 14 * 86_400_000;

const ok = (check: string, detail: string): Finding => ({ check, result: 'ok', detail, next: null });

function failed(check: string, thrown: unknown): Finding {
  const error = GwError.from(thrown);
  return { check, result: 'fail', detail: error.message, next: error.hint };
}

function checkClock(date: number | null, before: number, after: number): Finding {
  if (date === null) return { check: 'clock', result: 'warn', detail: 'The gateway sent no date to compare with.', next: null };
  // The header has whole seconds, and the answer took time to travel.
  const off = Math.max(0, Math.abs((before + after) / 2 - date - 500) - (after - before) / 2 - 500);
  if (off <= CLOCK_LIMIT) return ok('clock', `agrees with the gateway within ${duration(off + 1000)}`);
  return {
    check: 'clock',
    result: 'fail',
    detail: `is ${duration(off)} away from the gateway's`,
    next: 'Set the clock of this machine (NTP); logins and tokens depend on it.',
  };
}

function checkCertificate(tls: { readonly protocol: string; readonly validTo: string } | null, now: number): Finding {
  if (tls === null) return { check: 'tls', result: 'fail', detail: 'The connection is not encrypted.', next: 'Check the address of the gateway.' };
  const left = Date.parse(tls.validTo) - now;
  const detail = `${tls.protocol}, certificate trusted until ${tls.validTo}`;
  if (Number.isNaN(left) || left > CERTIFICATE_WARNING) return ok('tls', detail);
  return { check: 'tls', result: 'warn', detail, next: 'Tell an administrator: the certificate of the gateway ends soon.' };
}

async function checkGateway(reach: Reach): Promise<readonly Finding[]> {
  const before = reach.clock.now();
  const health = await reach.client.health();
  const after = reach.clock.now();
  const ready: Finding = health.ready
    ? ok('gateway', `${reach.gateway.origin} is ready`)
    : {
        check: 'gateway',
        result: health.live ? 'warn' : 'fail',
        detail: `${reach.gateway.origin} answers, but is not ready${health.problems.length === 0 ? '' : `: ${health.problems.join('; ')}`}`,
        next: 'Try again in a moment; if it persists, tell an administrator.',
      };
  const waiting: Finding[] =
    health.ready && health.problems.length > 0
      ? [{ check: 'sinks', result: 'warn', detail: health.problems.join('; '), next: 'An administrator or auditor sees more with `gw audit sinks`.' }]
      : [];
  return [ready, ...waiting, checkCertificate(health.tls, after), checkClock(health.date, before, after)];
}

async function checkClients(reach: Reach): Promise<readonly Finding[]> {
  const connection = await tryConnection(reach);
  if (connection === null) return [];
  const targets = await connection.client.targets();
  const clients = new Map(targets.filter((target) => target.reachable).map((target) => [target.client.command, target.client]));
  const findings = [...clients.values()].map(async (client): Promise<Finding> => {
    const program = await findProgram(client.command, reach.environment.path);
    if (program !== null) return ok('client', `${client.command} is ${program}`);
    return { check: 'client', result: 'warn', detail: `${client.command} is not on the PATH`, next: client.install.join('; ') || `Install ${client.command}.` };
  });
  return Promise.all(findings);
}

function major(version: string): string {
  return version
    .split('.')
    .slice(0, version.startsWith('0.') ? 2 : 1)
    .join('.');
}

function checkVersions(own: string, gateway: string | null): Finding {
  if (gateway === null) return { check: 'version', result: 'warn', detail: `gw ${own}; the gateway's is not known`, next: null };
  if (major(own) === major(gateway)) return ok('version', `gw ${own}, gateway ${gateway}`);
  return { check: 'version', result: 'warn', detail: `gw ${own}, gateway ${gateway}`, next: 'Install the version of gw that belongs to the gateway.' };
}

async function collect(check: string, findings: Finding[], work: () => Promise<readonly Finding[]>): Promise<boolean> {
  try {
    findings.push(...(await work()));
    return true;
  } catch (thrown) {
    findings.push(failed(check, thrown));
    return false;
  }
}

export async function runDoctor(settings: Settings, environment: Environment, version: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [checkRuntime(), ...(await checkFiles(settings.paths)), checkKeychain(environment)];
  if (settings.gateway === null) {
    findings.push({ check: 'gateway', result: 'warn', detail: 'No gateway is known yet.', next: 'Run `gw login --gateway https://HOST:PORT`.' });
    return findings;
  }
  const userAgent = `gw/${version}`;
  const reach = openReach(settings, environment, userAgent);
  try {
    if (!(await collect('gateway', findings, () => checkGateway(reach)))) return findings;
    const { status } = await readStatus(settings, environment, userAgent, null);
    findings.push(checkVersions(version, status.version));
    if (status.login === null) {
      findings.push({
        check: 'login',
        result: 'warn',
        detail: status.problem?.message ?? 'There is no login.',
        next: status.problem?.hint ?? 'Run `gw login`.',
      });
      return findings;
    }
    findings.push(ok('login', `${status.login.name} (${status.login.kind}), until ${status.login.expiresAt}`));
    await collect('client', findings, () => checkClients(reach));
    return findings;
  } finally {
    reach.transport.close();
  }
}
