/** `gw ssh TARGET -- …`: the short way to connect with ssh. One of the few places outside its island that name it. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../cli/base-command.js';
import { askingFlags, askingTerms, withWait } from '../cli/native-client/asking-flags.js';
import { splitLine } from '../cli/native-client/command-line.js';
import { connectTarget } from '../cli/native-client/connect-target.js';
import { GwError } from '../contract/gw-error.js';

export default class Ssh extends GwCommand {
  static override summary = 'Open a shell on a host, or run a command there.';
  static override description =
    "The same as `gw connect TARGET`, for targets whose client is ssh: the system's own, with a key made for this one time, and the host key of the gateway pinned. What stands after `--` goes to ssh: a command, or options such as -L before it. Exit code and signals pass through.";
  static override examples = [
    { description: 'A shell', command: '<%= config.bin %> ssh web-1' },
    { description: 'One command', command: '<%= config.bin %> ssh web-1 -- systemctl status nginx' },
    { description: 'With a reason, for the record and for those who approve', command: '<%= config.bin %> ssh web-1 --reason "TICKET-7" -- uptime' },
  ];

  static override args = { target: stringArg({ description: 'Target to connect to; the default target of the settings when left out.' }) };
  static override flags = { ...askingFlags };

  async run(): Promise<void> {
    const { own, rest } = splitLine(this.argv);
    const { args, flags } = await this.parse(Ssh, withWait(own));
    const connection = await this.connect(flags);
    const target = args.target ?? connection.settings.target?.value;
    if (target === undefined) throw new GwError('usage.invalid', 'Which target?', { hint: 'Name one: `gw ssh TARGET`. `gw ls` shows them.' });
    this.exit(
      await connectTarget({
        connection,
        target,
        args: rest ?? [],
        terms: askingTerms(flags),
        record: flags.record,
        userAgent: this.userAgent,
        listen: null,
        program: 'ssh',
      }),
    );
  }
}
