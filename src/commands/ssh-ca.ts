/** `gw ssh-ca`: the public key by which hosts can know the gateway. */
import { GwCommand } from '../cli/base-command.js';
import { GwError } from '../contract/gw-error.js';

export default class SshCa extends GwCommand {
  static override summary = 'Print the public key with which the gateway certifies itself to hosts.';
  static override description =
    'A host that trusts it (TrustedUserCAKeys in sshd_config) lets the gateway in with a certificate that is made for each session and good for minutes: there is no key on the host to keep or to change. The target of the gateway says `credential: { username: NAME, certificate: true }`. The key certifies nobody but the gateway; certificates of `gw ssh-cert` are signed by another one.';
  static override examples = [
    { description: 'On its way to a host', command: '<%= config.bin %> ssh-ca > gw-ca.pub' },
    { description: 'In sshd_config of the host', command: 'TrustedUserCAKeys /etc/ssh/gw-ca.pub' },
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(SshCa);
    const connection = await this.connect(flags);
    const authority = (await connection.client.authorities()).find(({ protocol }) => protocol === 'ssh');
    if (authority === undefined) throw new GwError('usage.invalid', 'This gateway has no authority for hosts.', { hint: 'Update the gateway.' });
    this.print(authority.targets);
    return { publicKey: authority.targets };
  }
}
