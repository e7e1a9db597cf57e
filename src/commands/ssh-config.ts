/** `gw ssh-config`: lines for ~/.ssh/config, after which plain ssh, scp, sftp, rsync and git reach targets as NAME.gw. */
import { join } from 'node:path';
import { boolean } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { DEFAULT_ENDING, endingFlag } from '../cli/native-client/host-ending.js';
import { clientFolder, keepForClients, keptPortKey } from '../cli/native-client/kept-port-key.js';
import { ownCommand } from '../cli/own-command.js';
import { GwError } from '../contract/gw-error.js';

export default class SshConfig extends GwCommand {
  static override summary = 'Print the lines of ssh_config that lead NAME.gw through the gateway.';
  static override description =
    'After them, plain ssh, scp, sftp, rsync, git and editors reach a target as NAME.gw, with all of their own features (shared connections, too): every connection is a session of its own, under the login of that moment. The host key of the gateway is pinned beside a key that proves to the gateway that it is your ssh; both are kept in the state directory of gw. The key is of no use without a login. ssh goes by the first lines that fit a name, so each gateway needs an --ending of its own.';
  static override examples = [
    { description: 'Once', command: '<%= config.bin %> ssh-config >> ~/.ssh/config' },
    { description: 'For a second gateway beside it: web-1.prod', command: '<%= config.bin %> ssh-config --context prod --ending prod >> ~/.ssh/config' },
  ];

  static override flags = {
    all: boolean({ summary: 'Also name each target that is there, for programs that complete names from the file.', default: false }),
    ending: endingFlag({ summary: 'Ending of the names that lead through this gateway.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SshConfig);
    const connection = await this.connect(flags);
    const targets = (await connection.client.targets()).filter(({ protocol }) => protocol === 'ssh');
    const serverKey = targets.find((target) => target.serverKey !== null)?.serverKey ?? null;
    if (serverKey === null) throw new GwError('target.unknown', 'There is no host that you can see.', { hint: 'Run `gw ls`.' });
    const { file } = await keptPortKey(connection);
    const folder = clientFolder(connection);
    const knownHosts = join(folder, 'known_hosts');
    await keepForClients(knownHosts, `gateway ${serverKey}\n`);
    const { ending } = flags;
    const proxy = [...ownCommand(), 'ssh-proxy', '--gateway', connection.gateway.href, ...(ending === DEFAULT_ENDING ? [] : ['--ending', ending]), '%n'];
    const lines = [
      `# ${connection.gateway.href} through gw`,
      `Host *.${ending}${flags.all ? targets.map(({ name }) => ` ${name}.${ending}`).join('') : ''}`,
      `  ProxyCommand ${proxy.map((word) => (/^[\w%.:/@-]+$/.test(word) ? word : `"${word}"`)).join(' ')}`,
      '  HostKeyAlias gateway',
      `  UserKnownHostsFile "${knownHosts}"`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  UpdateHostKeys no',
      `  IdentityFile "${file}"`,
      '  IdentitiesOnly yes',
      '  IdentityAgent none',
      '  PreferredAuthentications publickey',
      '  ForwardAgent no',
    ];
    this.print(lines.join('\n'));
    return { config: lines.join('\n'), identityFile: file, knownHostsFile: knownHosts };
  }
}
