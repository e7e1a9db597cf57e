/** `gw ssh TARGET -- …`: the short way to connect with ssh. One of the few places outside its island that name it. */
import { ClientCommand } from '../cli/native-client/client-command.js';

export default class Ssh extends ClientCommand {
  static override summary = 'Open a shell on a host, or run a command there.';
  static override description =
    "The same as `gw connect TARGET`, for targets whose client is ssh: the system's own, with a key made for this one time, and the host key of the gateway pinned. What stands after `--` goes to ssh: a command, or options such as -L before it. Exit code and signals pass through.";
  static override examples = [
    { description: 'A shell', command: '<%= config.bin %> ssh web-1' },
    { description: 'As another account, where policy lets you be it', command: '<%= config.bin %> ssh deploy@web-1' },
    { description: 'One command', command: '<%= config.bin %> ssh web-1 -- systemctl status nginx' },
    { description: 'With a reason, for the record and for those who approve', command: '<%= config.bin %> ssh web-1 --reason "TICKET-7" -- uptime' },
  ];

  protected readonly program = 'ssh';
}
