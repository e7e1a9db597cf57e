/** `gw ssh-cert`: a short-lived certificate for plain ssh on the gateway's native port. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { clientFolder, keepForClients } from '../cli/native-client/kept-port-key.js';
import { makeNativeKey } from '../cli/native-client/port-key.js';
import { say } from '../cli/terminal.js';
import { GwError } from '../contract/gw-error.js';

export default class SshCert extends GwCommand {
  static override summary = 'Get a certificate with which plain ssh logs in at the native port of the gateway.';
  static override description =
    'Writes a key and a certificate for it, and prints lines of ssh_config that use them: then `ssh TARGET@gw-native`, without gw in between. The certificate is good for as long as the login is that asks for it, at the targets that it names, and gives no right: policy decides at each connection. Who has been locked is not let in by it.';
  static override examples = [
    { description: 'For all hosts within reach', command: '<%= config.bin %> ssh-cert > ~/.ssh/gw-native' },
    { description: 'For one host', command: '<%= config.bin %> ssh-cert --target web-1' },
    { description: 'For a key that you have', command: '<%= config.bin %> ssh-cert --key ~/.ssh/id_ed25519' },
  ];

  static override flags = {
    target: string({ summary: 'Only for this target; may be given several times. Otherwise for all hosts within reach.', multiple: true }),
    key: string({ summary: 'Private key whose public half stands in FILE.pub; without it a new one is made.', helpValue: 'FILE' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SshCert);
    const connection = await this.connect(flags);
    const host = (await connection.client.targets()).find(({ protocol, native }) => protocol === 'ssh' && native !== null);
    if (host === undefined || host.native === null || host.serverKey === null)
      throw new GwError('target.unknown', 'There is no host that you can reach on a native port.', {
        hint: 'Use `gw ssh`, or ask an administrator for a native port.',
      });
    const folder = clientFolder(connection);
    const made = flags.key === undefined ? makeNativeKey() : null;
    const keyFile = flags.key ?? join(folder, 'native-key');
    const publicKey = made?.publicKey ?? (await publicHalf(keyFile));
    const issued = await connection.client.certify({ protocol: 'ssh', publicKey, ...(flags.target === undefined ? {} : { targets: flags.target }) });
    const [certificateFile, knownHosts] = [join(folder, 'native-key-cert.pub'), join(folder, 'known_hosts')];
    if (made !== null) await keepForClients(keyFile, made.privateKey);
    await keepForClients(certificateFile, `${issued.certificate}\n`);
    await keepForClients(knownHosts, `gateway ${host.serverKey}\n`);
    const port = host.native.slice(host.native.lastIndexOf(':') + 1);
    const lines = [
      `# ${connection.gateway.href}, until ${issued.expiresAt}`,
      'Host gw-native',
      `  HostName ${host.native.slice(0, host.native.lastIndexOf(':')).replace(/^\[|\]$/g, '')}`,
      `  Port ${port}`,
      '  HostKeyAlias gateway',
      `  UserKnownHostsFile "${knownHosts}"`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  UpdateHostKeys no',
      `  IdentityFile "${keyFile}"`,
      `  CertificateFile "${certificateFile}"`,
      '  IdentitiesOnly yes',
      '  PreferredAuthentications publickey',
      '  ForwardAgent no',
    ];
    this.print(lines.join('\n'));
    say(`Good until ${issued.expiresAt} for ${issued.targets.join(', ')}: ssh ${issued.targets[0] ?? 'TARGET'}@gw-native`);
    return { ...issued, config: lines.join('\n'), keyFile, certificateFile, knownHostsFile: knownHosts };
  }
}

async function publicHalf(keyFile: string): Promise<string> {
  try {
    return (await readFile(`${keyFile}.pub`, 'utf8')).trim();
  } catch (cause) {
    throw new GwError('usage.invalid', `The public key ${keyFile}.pub cannot be read.`, {
      hint: 'Name the private key; its public half stands beside it.',
      cause,
    });
  }
}
