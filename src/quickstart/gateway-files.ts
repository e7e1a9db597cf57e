/**
 * gateway.yaml and the policy files. Written once, then they belong to the user: a later start changes in gateway.yaml only addresses of
 * the world that have moved, in place, and nothing else. Policy files that the user removed stay removed.
 */
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isScalar, parseDocument, visit } from 'yaml';
import { readIfThere } from '../base/read-if-there.js';
import { GwError } from '../contract/gw-error.js';
import { GATEWAY_AUDIENCE, LOGIN_CLIENT, SCOPES } from './principals.js';
import { writePrivately } from './secret-file.js';
import type { WorldDirectory } from './world-directory.js';

/** The addresses of a world, as they stand in gateway.yaml: each is a whole value there, and no two are the same. */
export interface WorldAddresses {
  readonly gateway: string;
  readonly native: string;
  readonly issuer: string;
  readonly bank: string;
  /** Of web-1, and of the native port for it; null: the world is made without it. */
  readonly web: string | null;
  readonly webNative: string | null;
}

export interface BankAccess {
  readonly username: string;
  readonly database: string;
}

/** Policies that come with gw and that the world starts with: what is refused everywhere, and what of the data is hidden from whom. */
const SHIPPED = ['guardrails.yaml', 'masking.yaml'] as const;
/** And with a host. */
const SHIPPED_FOR_HOSTS = ['ssh-guardrails.yaml'] as const;

export interface WorldAccess {
  readonly bank: BankAccess;
  /** Account on web-1; null: the world is made without it. */
  readonly web: { readonly username: string } | null;
}

/** Writes what is missing at the first start; afterwards only moves addresses. */
export async function writeGatewayFiles(
  world: WorldDirectory,
  now: WorldAddresses,
  before: WorldAddresses | null,
  { bank, web }: WorldAccess,
  shippedPolicies: string,
): Promise<void> {
  const current = await readIfThere(world.configFile);
  if (current === null) await writePrivately(world.configFile, gatewayYaml(now, bank, web));
  else if (before !== null) {
    const moved = movedAddresses(current, before, now);
    if (moved !== current) await writePrivately(world.configFile, moved);
  }
  if (before !== null) return;
  if ((await readIfThere(join(world.policy, 'access.yaml'))) === null) await writePrivately(join(world.policy, 'access.yaml'), accessYaml(web !== null));
  const shipped = await readdir(shippedPolicies);
  for (const file of [...SHIPPED, ...(web === null ? [] : SHIPPED_FOR_HOSTS)]) {
    if ((await readIfThere(join(world.policy, file))) !== null) continue;
    if (!shipped.includes(file))
      throw new GwError('quickstart.start', `The shipped policy ${file} is missing from ${shippedPolicies}.`, {
        hint: 'Install gw again: the package is not complete.',
      });
    await copyFile(join(shippedPolicies, file), join(world.policy, file));
  }
}

/** The text with every value that is an old address replaced by the new one; comments, order and the user's own values stay. */
export function movedAddresses(text: string, before: WorldAddresses, now: WorldAddresses): string {
  const moves = new Map<string, string>();
  for (const key of ['gateway', 'native', 'issuer', 'bank', 'web', 'webNative'] as const) {
    const [was, is] = [before[key], now[key]];
    if (was !== null && is !== null && was !== is) moves.set(was, is);
  }
  if (moves.size === 0) return text;
  const edits: { start: number; end: number; value: string }[] = [];
  // A file that does not parse is left alone: the gateway's own check says where it is wrong.
  visit(parseDocument(text), {
    Scalar: (_, node) => {
      const value = isScalar(node) && typeof node.value === 'string' ? moves.get(node.value) : undefined;
      if (value === undefined || node.range === undefined || node.range === null) return;
      edits.push({ start: node.range[0], end: node.range[1], value: node.type === 'PLAIN' ? value : JSON.stringify(value) });
    },
  });
  let result = text;
  for (const { start, end, value } of edits.reverse()) result = result.slice(0, start) + value + result.slice(end);
  return result;
}

/** PEM of the authority, as clients are told to trust it. */
export function authorityFile(world: WorldDirectory): string {
  return join(world.tls, 'ca.pem');
}

function gatewayYaml(addresses: WorldAddresses, bank: BankAccess, web: WorldAccess['web']): string {
  return `# The gateway of your quickstart. Edit it: it is read again on SIGHUP and at the next start, and never overwritten. When a port of this
# world changes, only that address is changed here.
version: 1

gateway:
  name: quickstart
  listen: ${addresses.gateway}
  tls:
    certificate: tls/gateway.pem
    key: tls/gateway-key.pem
  dataDir: .
  # Clients that do not use the gw command connect here, with a token as the password.
  native:
    - protocol: postgres
      listen: ${addresses.native}
${web === null || addresses.webNative === null ? '' : `    - protocol: ssh\n      listen: ${addresses.webNative}\n`}  drainTimeout: 3s

# Sessions and identities: a PostgreSQL server below dataDir. Several gateways share one with \`state: {url: {env: GW_STATE_URL}}\`.
state: embedded

identity:
  issuers:
    - issuer: ${addresses.issuer}
      audience: ${GATEWAY_AUDIENCE}
      algorithms: [ES256]
      login:
        clientId: ${LOGIN_CLIENT}
        scopes: [${SCOPES.join(', ')}]
      # How a token's claims become an identity: CEL expressions.
      claims:
        kind: 'has(claims.kind) ? claims.kind : "person"'
        onBehalfOf: 'has(claims.owner) ? claims.owner : null'

# Roles on the gateway itself. Who may use which target is in policy/.
access:
  admins:
    groups: [dba]
  auditors:
    groups: [auditors]

policy:
  files:
    - policy/*.yaml

targets:
  - name: bank-db
    protocol: postgres
    address: ${addresses.bank}
    description: Customers, accounts and ledger of a made-up bank
    labels:
      env: demo
      data: customer
    credential:
      username: ${bank.username}
      password:
        file: ../targets/bank-db/gateway-password
    options:
      database: ${bank.database}
      # Same machine, loopback only. The server speaks TLS: \`mode: verify-full\` with \`ca: tls/ca.pem\` works as well.
      tls:
        mode: disable
${web === null || addresses.web === null ? '' : hostYaml(addresses.web, web.username)}`;
}

function hostYaml(address: string, username: string): string {
  return `
  - name: web-1
    protocol: ssh
    address: ${address}
    description: A shell account on this machine
    labels:
      env: demo
    credential:
      username: ${JSON.stringify(username)}
      key:
        file: ../targets/web-1/gateway-key
    options:
      knownHosts: ../targets/web-1/known_hosts
      knownAs: web-1
`;
}

const accessYaml = (host: boolean): string => `# Who may connect to what. Nobody may who is not named here.
version: 1
description: Who may connect in the quickstart

defaults:
  # Whoever may connect may do what guardrails.yaml does not refuse.
  - operations: allow
    targets:
      names: [bank-db]

rules:
  - id: engineers-and-dba
    description: The people who work with the bank's data
    effect: allow
    subjects:
      groups: [engineers, dba]
      kinds: [person]
    targets:
      names: [bank-db]
    actions: [connect]

  - id: machines
    description: The CI system, and the agent that answers questions about the ledger
    effect: allow
    subjects:
      groups: [ci, agents]
      kinds: [service, agent]
    targets:
      names: [bank-db]
    actions: [connect]

  - id: ledger-needs-a-second-person
    description: A correction of the ledger waits until a DBA has seen it; whoever asks never approves
    effect: require_approval
    targets:
      names: [bank-db]
    actions: [insert, update, delete, merge]
    # The bare name too: without its schema it may be the ledger's.
    resources:
      - relation: [ledger.*, '*.entries']
    approval:
      groups: [dba]
      expires: 15m
      # Access that was asked for ahead of time: \`gw request create bank-db --for 1h --reason TEXT\`.
      grants: 1h
    # When nobody answers: \`gw connect bank-db --break-glass --reason TEXT\`, once, and a DBA reviews it when it is over.
    break_glass:
      groups: [engineers]
      for: 15m
    message: The ledger is corrected with a second pair of eyes

  - id: auditors-read-the-record
    description: Auditors see what others did, not the data
    effect: deny
    subjects:
      groups: [auditors]
    actions: [connect]
    message: Auditors read the record of what others did, not the data itself
    hint: Run \`gw sessions ls\` and \`gw sessions show ID\`
${host ? HOST_RULES : ''}`;

/** A session on web-1 is one of the account that runs the world: what only looks is allowed, nothing that reads files or runs other programs. */
const HOST_RULES = `
  - id: host
    description: Who reaches web-1, which is an account on this machine
    effect: allow
    subjects:
      groups: [engineers, dba, ci, agents]
    targets:
      names: [web-1]
    actions: [connect]

  - id: host-looking-around
    description: Commands that only look. Add yours; what is not named is refused
    effect: allow
    targets:
      names: [web-1]
    actions: [ssh.exec]
    resources:
      - program: [uname, uptime, whoami, id, hostname, nproc, arch, pwd, ls, df, echo, 'true', 'false']

  - id: host-shell-needs-a-second-person
    description: What is typed in a shell is recorded and not decided on, so a second person lets it be opened
    effect: require_approval
    subjects:
      kinds: [person]
    targets:
      names: [web-1]
    actions: [ssh.shell]
    approval:
      groups: [dba]
      expires: 15m
    message: A shell on web-1 is opened with a second pair of eyes
    hint: A single command needs nobody, e.g. \`gw ssh web-1 -- uptime\`
`;
