/**
 * What a schema cannot say: names that must be unique or known, options that belong to a protocol, expressions that must compile. Pure
 * apart from the protocol's own `parseOptions`.
 */

import { closestWord } from '../base/closest-word.js';
import { isLoopbackHost } from '../base/loopback-host.js';
import { GwError } from '../contract/gw-error.js';
import type { ConfigProtocols } from './gateway-config.js';
import { type JsonSchema, knownKeys } from './gateway-json-schema.js';
import type { ParsedGatewayFile } from './gateway-schema.js';
import { formatHostPort, type HostPort, parseHostPort } from './host-port.js';
import { unknownKey } from './issue-problems.js';
import { MAIL_PORTS, type ResolvedTarget } from './resolve-config.js';
import { SYSLOG_PORTS } from './sink-settings.js';
import type { ConfigPath, Problem, YamlSource } from './yaml-source.js';

export interface CrossChecks {
  readonly protocols: ConfigProtocols;
  readonly directory: string;
  /** Gives what is wrong with a CEL expression over `claims`, or null. */
  readonly checkExpression: (expression: string) => string | null;
}

export function crossCheck(parsed: ParsedGatewayFile, source: YamlSource, checks: CrossChecks): { problems: Problem[]; targets: ResolvedTarget[] } {
  const problems = [
    ...identityProblems(parsed, source, checks),
    ...listenerProblems(parsed, source, checks),
    ...notifyProblems(parsed, source),
    ...sinkProblems(parsed, source),
    ...retentionProblems(parsed, source),
  ];
  const names = new Map<string, number>();
  const targets = parsed.targets.map((target, index): ResolvedTarget => {
    const path: ConfigPath = ['targets', index];
    const first = names.get(target.name);
    if (first !== undefined) problems.push(source.at([...path, 'name'], `"${target.name}" is already the name of targets[${first}]`));
    else names.set(target.name, index);
    const protocol = Object.hasOwn(checks.protocols, target.protocol) ? checks.protocols[target.protocol] : undefined;
    if (protocol === undefined) problems.push(source.at([...path, 'protocol'], unknownProtocol(target.protocol, checks.protocols)));
    const { certificate, principals } = target.credential;
    if (certificate && protocol?.certificates !== true)
      problems.push(source.at([...path, 'credential', 'certificate'], `a target of protocol ${target.protocol} takes no certificate`));
    if (principals !== undefined && !certificate)
      problems.push(source.at([...path, 'credential', 'principals'], 'principals are those of a certificate: set `certificate: true`'));
    const address: HostPort | null = parseHostPort(target.address, protocol?.defaultPort ?? null);
    if (address === null || address.port === 0) {
      problems.push(source.at([...path, 'address'], `"${target.address.slice(0, 64)}" is not an address; write host:port, for example db.internal:5432`));
    }
    let options: unknown = {};
    try {
      options = protocol?.parseOptions(target.options, checks.directory);
    } catch (error) {
      problems.push(...optionsProblems(error, [...path, 'options'], source, { ...protocol?.optionsSchema }));
    }
    return { address: address ?? { host: '', port: 0 }, options };
  });
  return { problems, targets };
}

function unknownProtocol(kind: string, protocols: ConfigProtocols): string {
  const known = Object.keys(protocols).sort();
  const near = closestWord(kind, known);
  return `unknown protocol "${kind}"; ${near === null ? `known: ${known.join(', ')}` : `did you mean "${near}"?`}`;
}

/**
 * What a protocol says of its options: `options.tls.mode: what is wrong; options.x: …`, or one message with `detail.path`.
 * Positions and suggestions are found here, so that no protocol has to know about files.
 */
function optionsProblems(error: unknown, path: ConfigPath, source: YamlSource, schema: JsonSchema): Problem[] {
  if (!(error instanceof GwError) || error.code !== 'config.invalid') throw error;
  const inside = error.detail['path'];
  const messages = typeof inside === 'string' ? [`options${inside === '' ? '' : '.'}${inside}: ${error.message}`] : error.message.split(/; (?=options[.:])/);
  return messages.flatMap((message) => {
    const match = /^options((?:\.[^.:\s]+)*): (.*)$/s.exec(message);
    const parts = (match?.[1] ?? '')
      .split('.')
      .slice(1)
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    const text = match?.[2] ?? message;
    const unknown = /^Unrecognized keys?: (.*)$/.exec(text)?.[1];
    if (unknown === undefined) return [source.at([...path, ...parts], text)];
    return [...unknown.matchAll(/"([^"]*)"/g)].map(([, key = '']) => source.atKey([...path, ...parts, key], unknownKey(key, knownKeys(schema, parts))));
  });
}

function listenerProblems(parsed: ParsedGatewayFile, source: YamlSource, checks: CrossChecks): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>([[formatHostPort(parsed.gateway.listen), 'gateway.listen']]);
  for (const [index, native] of parsed.gateway.native.entries()) {
    const path: ConfigPath = ['gateway', 'native', index];
    if (!Object.hasOwn(checks.protocols, native.protocol)) problems.push(source.at([...path, 'protocol'], unknownProtocol(native.protocol, checks.protocols)));
    const address = formatHostPort(native.listen);
    const other = native.listen.port === 0 ? undefined : taken.get(address);
    if (other !== undefined) problems.push(source.at([...path, 'listen'], `${address} is already taken by ${other}`));
    taken.set(address, `gateway.native[${index}]`);
    if (native.advertise !== undefined && parseHostPort(native.advertise) === null)
      problems.push(source.at([...path, 'advertise'], 'is not an address; write host:port'));
  }
  return problems;
}

/** A login or a message that goes over the network in the clear goes to whoever listens. */
function notifyProblems(parsed: ParsedGatewayFile, source: YamlSource): Problem[] {
  return parsed.approvals.notify.email.flatMap((email, index) => {
    const path: ConfigPath = ['approvals', 'notify', 'email', index];
    const server = parseHostPort(email.server, MAIL_PORTS[email.tls]);
    if (server === null || server.port === 0) return [source.at([...path, 'server'], 'is not an address; write host:port, for example smtp.example.com:465')];
    return email.tls === 'none' && !isLoopbackHost(server.host)
      ? [source.at([...path, 'tls'], '`none` is for a relay on this machine only; use `implicit` or `starttls`')]
      : [];
  });
}

/** A sink is remembered by its name, two of one name would share a place; and a file takes one sink only, or their lines mix. */
function sinkProblems({ sinks }: ParsedGatewayFile, source: YamlSource): Problem[] {
  const problems: Problem[] = [];
  const names = new Map<string, string>();
  const paths = new Map<string, string>();
  const once = (seen: Map<string, string>, value: string, path: ConfigPath, what: string): void => {
    const first = seen.get(value);
    if (first !== undefined) problems.push(source.at(path, `"${value}" is already the ${what} of ${first}`));
    else seen.set(value, path.slice(0, -1).join('.'));
  };
  for (const section of ['files', 'syslog', 'webhooks'] as const) {
    for (const [index, { name }] of sinks[section].entries()) once(names, name, ['sinks', section, index, 'name'], 'name');
  }
  for (const [index, { path }] of sinks.files.entries()) once(paths, path, ['sinks', 'files', index, 'path'], 'path');
  for (const [index, { server, transport }] of sinks.syslog.entries()) {
    const path: ConfigPath = ['sinks', 'syslog', index];
    const address = parseHostPort(server, SYSLOG_PORTS[transport]);
    if (address === null || address.port === 0)
      problems.push(source.at([...path, 'server'], 'is not an address; write host:port, for example siem.example.com:6514'));
    else if (transport === 'tcp' && !isLoopbackHost(address.host))
      problems.push(source.at([...path, 'transport'], '`tcp` is in the clear, for a receiver on this machine only; use `tls`'));
  }
  return problems;
}

/** Which of two periods holds must not be a matter of their order. */
function retentionProblems({ retention }: ParsedGatewayFile, source: YamlSource): Problem[] {
  const names = retention.targets.map(({ target }) => target);
  return names.flatMap((name, at) =>
    names.indexOf(name) === at ? [] : [source.at(['retention', 'targets', at, 'target'], `is already given as targets[${names.indexOf(name)}]`)],
  );
}

/** Issuers where anybody may get a token for any audience, and the claims that tell whose it is. Names can be re-registered, ids cannot. */
const PUBLIC_ISSUERS: Readonly<Record<string, readonly string[]>> = {
  'https://token.actions.githubusercontent.com': ['repository_owner_id', 'repository_id', 'enterprise_id'],
  'https://gitlab.com': ['namespace_id', 'project_id'],
};

function identityProblems(parsed: ParsedGatewayFile, source: YamlSource, checks: CrossChecks): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  let login: number | null = null;
  for (const [index, issuer] of parsed.identity.issuers.entries()) {
    const path: ConfigPath = ['identity', 'issuers', index];
    const first = seen.get(issuer.issuer);
    if (first !== undefined)
      problems.push(source.at([...path, 'issuer'], `is already given as issuers[${first}]; tell its tokens apart with the mappings under "claims"`));
    else seen.set(issuer.issuer, index);
    if (issuer.login !== undefined) {
      if (login !== null) problems.push(source.atKey([...path, 'login'], `issuers[${login}] has a login already; people log in with one issuer`));
      else login = index;
    }
    const binding = PUBLIC_ISSUERS[issuer.issuer];
    if (binding !== undefined && !issuer.require.some((text) => binding.some((claim) => text.includes(`claims.${claim}`)))) {
      problems.push(
        source.atKey(
          [...path, 'require'],
          `this issuer gives tokens to anybody: require one of ${binding.map((claim) => `claims.${claim}`).join(', ')}, for example claims.${binding[0] ?? ''} == "1234567"`,
        ),
      );
    }
    const expressions: [ConfigPath, string][] = [
      ...issuer.require.map((text, at): [ConfigPath, string] => [[...path, 'require', at], text]),
      ...Object.entries(issuer.claims).flatMap(([name, text]): [ConfigPath, string][] => (text === undefined ? [] : [[[...path, 'claims', name], text]])),
    ];
    for (const [at, text] of expressions) {
      const fault = checks.checkExpression(text);
      if (fault !== null) problems.push(source.at(at, fault));
    }
  }
  for (const role of ['admins', 'auditors'] as const) {
    for (const [index, member] of parsed.access[role].groups.entries()) {
      const at: ConfigPath = ['access', role, 'groups', index];
      if (typeof member !== 'string') {
        if (!seen.has(member.issuer)) problems.push(source.at([...at, 'issuer'], 'is not one of identity.issuers'));
      } else if (login === null && seen.size > 1) {
        problems.push(source.at(at, `several issuers are trusted and none has a "login": say whose group it is, { issuer: …, group: ${member} }`));
      }
    }
    for (const [index, member] of parsed.access[role].subjects.entries()) {
      if (!seen.has(member.issuer)) problems.push(source.at(['access', role, 'subjects', index, 'issuer'], 'is not one of identity.issuers'));
    }
  }
  return problems;
}
