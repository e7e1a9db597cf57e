/** The SSH island: what the registry sees of it. */
import type { Protocol, ProtocolDescriptor } from '../../contract/protocol.js';
import { authorities } from './authorities.js';
import { SshEngine } from './engine.js';
import { login, type SshStartup } from './login.js';
import { actions, facts, resources } from './operations.js';
import { optionsSchema, parseOptions } from './options.js';
import { serverIdentity } from './server-identity.js';
import { commandFacts } from './shell/command-facts.js';
import { transportReady } from './transport/transport.js';
import { connect } from './upstream.js';

const descriptor: ProtocolDescriptor = {
  kind: 'ssh',
  title: 'SSH',
  defaultPort: 22,
  recording: 'terminal',
  assurance: 'parsed',
  actions,
  facts,
  resources,
  tagged: null,
  searched: true,
  accounts: true,
  client: {
    command: 'ssh',
    args: ['-F', '{file:config}', '{target}'],
    env: {
      // What others start it with.
      RSYNC_RSH: 'ssh -F {file:config}',
      GIT_SSH_COMMAND: 'ssh -F {file:config}',
      SSH_CONFIG: '{file:config}',
      SSH_ASKPASS: '',
    },
    files: {
      config: `${[
        'Host {target}',
        'HostName {host}',
        'Port {port}',
        'User {target}',
        'HostKeyAlias gateway',
        'UserKnownHostsFile "{file:known_hosts}"',
        'GlobalKnownHostsFile /dev/null',
        'StrictHostKeyChecking yes',
        'UpdateHostKeys no',
        'IdentityFile "{keyFile}"',
        'IdentitiesOnly yes',
        'IdentityAgent none',
        'PreferredAuthentications publickey',
        'ForwardAgent no',
        'SendEnv LANG LC_*',
      ].join('\n')}\n`,
      known_hosts: 'gateway {serverKey}\n',
    },
    secret: 'key',
    url: 'ssh://{target}@{host}:{port}',
    install: ['Debian, Ubuntu: apt install openssh-client', 'Fedora, RHEL: dnf install openssh-clients', 'macOS and Windows bring it along'],
  },
  factsOf: (text) => Promise.resolve(commandFacts(text, 'posix')),
};

export const ssh: Protocol = {
  kind: 'ssh',
  descriptor,
  parseOptions,
  optionsSchema,
  prepare: transportReady,
  serverIdentity,
  authorities,
  login,
  connect,
  engine: (context, startup, ready) => new SshEngine(context, startup as SshStartup, ready),
  // Nothing of an operation can be bound but its text, and a host cannot say what a command would do.
  approvals: { parameters: () => null, estimate: () => Promise.resolve(null), estimateStartup: () => null },
  catalog: null,
  masking: null,
  replay: null,
};
