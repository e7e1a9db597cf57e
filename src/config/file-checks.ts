/** Looks at the files that the configuration names: what must exist, and what others on this machine must not be able to read. */
import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isLoopbackHost } from '../base/loopback-host.js';
import { expandFilePattern } from './file-patterns.js';
import type { ParsedGatewayFile } from './gateway-schema.js';
import type { SecretReference } from './secret-schema.js';
import type { ConfigPath, Problem, YamlSource } from './yaml-source.js';

export interface FileFindings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
  /** What `policy.files` matches, absolute, each once, in the order of the patterns. */
  readonly policyFiles: string[];
}

export async function checkFiles(
  parsed: ParsedGatewayFile,
  source: YamlSource,
  directory: string,
  environment: (name: string) => string | undefined,
): Promise<FileFindings> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const readable = async (path: ConfigPath, file: string, secret: boolean): Promise<void> => {
    const fault = await unreadable(resolve(directory, file));
    if (fault !== null) problems.push(source.at(path, `the file cannot be read: ${fault}`));
    else if (secret && (await readableByOthers(resolve(directory, file))))
      warnings.push(source.at(path, 'other users of this machine can read the file; chmod 600 it'));
  };

  await readable(['gateway', 'tls', 'certificate'], parsed.gateway.tls.certificate, false);
  await readable(['gateway', 'tls', 'key'], parsed.gateway.tls.key, true);
  for (const [index, issuer] of parsed.identity.issuers.entries()) {
    if (issuer.ca !== undefined) await readable(['identity', 'issuers', index, 'ca'], issuer.ca, false);
  }

  const { timestamps } = parsed.audit;
  if (timestamps !== undefined) await readable(['audit', 'timestamps', 'authority'], timestamps.authority, false);
  if (timestamps?.ca !== undefined) await readable(['audit', 'timestamps', 'ca'], timestamps.ca, false);
  for (const [section, sinks] of [['syslog', parsed.sinks.syslog] as const, ['webhooks', parsed.sinks.webhooks] as const]) {
    for (const [index, sink] of sinks.entries()) {
      const path: ConfigPath = ['sinks', section, index];
      if (sink.ca !== undefined) await readable([...path, 'ca'], sink.ca, false);
      if (!('client' in sink) || sink.client === undefined) continue;
      await readable([...path, 'client', 'certificate'], sink.client.certificate, false);
      await readable([...path, 'client', 'key'], sink.client.key, true);
    }
  }

  const policyFiles = new Set<string>();
  for (const [index, pattern] of parsed.policy.files.entries()) {
    const files = await expandFilePattern(resolve(directory, pattern));
    if (files.length === 0) problems.push(source.at(['policy', 'files', index], 'matches no file'));
    for (const file of files) policyFiles.add(file);
  }

  const secrets: [ConfigPath, SecretReference][] = parsed.targets.flatMap((target, index): [ConfigPath, SecretReference][] =>
    (['password', 'key'] as const).flatMap((part): [ConfigPath, SecretReference][] => {
      const reference = target.credential[part];
      return reference === undefined ? [] : [[['targets', index, 'credential', part], reference]];
    }),
  );
  for (const [index, { url, secret }] of parsed.sinks.webhooks.entries())
    secrets.push([['sinks', 'webhooks', index, 'url'], url], [['sinks', 'webhooks', index, 'secret'], secret]);
  if (parsed.state !== 'embedded') secrets.push([['state', 'url'], parsed.state.url]);
  for (const [path, reference] of secrets) {
    const warning = await secretWarning(reference, directory, environment);
    if (warning !== null) warnings.push(source.at([...path, reference.kind], warning));
  }
  return { problems, warnings: [...warnings, ...opinions(parsed, source)], policyFiles: [...policyFiles] };
}

async function secretWarning(reference: SecretReference, directory: string, environment: (name: string) => string | undefined): Promise<string | null> {
  switch (reference.kind) {
    case 'literal':
      return 'the secret stands in the configuration itself, where backups and repositories keep it; use env, file or command';
    case 'env':
      return environment(reference.name) === undefined ? `the environment variable ${reference.name} is not set here` : null;
    case 'file': {
      const file = resolve(directory, reference.path);
      const fault = await unreadable(file);
      if (fault !== null) return `the file cannot be read now: ${fault}`;
      return (await readableByOthers(file)) ? 'other users of this machine can read the file; chmod 600 it' : null;
    }
    case 'command':
      return null;
  }
}

/** Things that are allowed and seldom wanted. */
function opinions(parsed: ParsedGatewayFile, source: YamlSource): Problem[] {
  const found: Problem[] = [];
  for (const [index, issuer] of parsed.identity.issuers.entries()) {
    const path: ConfigPath = ['identity', 'issuers', index];
    if (issuer.issuer.startsWith('http:')) found.push(source.at([...path, 'issuer'], 'plain http is for trying out on one machine only'));
  }
  if (parsed.identity.issuers.every((issuer) => issuer.login === undefined))
    found.push(source.atKey(['identity', 'issuers'], 'no issuer has a "login", so people cannot use `gw login`'));
  const { admins } = parsed.access;
  if (admins.groups.length === 0 && admins.subjects.length === 0)
    found.push(source.atKey(['access', 'admins'], 'nobody is an administrator, so nobody can lock an identity or end sessions of others'));
  const names = new Set(parsed.targets.map(({ name }) => name));
  for (const [index, { target }] of parsed.retention.targets.entries()) {
    if (!names.has(target))
      found.push(source.at(['retention', 'targets', index, 'target'], 'no target has this name now; its period holds for records that are there'));
  }
  if (parsed.gateway.publicUrl === undefined && !isLoopbackHost(parsed.gateway.listen.host)) {
    found.push(source.atKey(['gateway', 'publicUrl'], 'is not set, so users are told the address of gateway.listen'));
  }
  return found;
}

/** Why the file cannot be read, or null. */
async function unreadable(file: string): Promise<string | null> {
  try {
    const info = await stat(file);
    if (info.isDirectory()) return 'it is a directory';
    await access(file, constants.R_OK);
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'it does not exist' : error instanceof Error ? error.message : String(error);
  }
}

async function readableByOthers(file: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(file)).mode & 0o004) !== 0;
}
