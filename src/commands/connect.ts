/** `gw connect TARGET`: the native client of a target on a tunnel through the gateway. */
import { string as stringArg } from '@oclif/core/args';
import { integer, option } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { askingFlags, askingTerms, withWait } from '../cli/native-client/asking-flags.js';
import { splitLine, withListenPort } from '../cli/native-client/command-line.js';
import { connectTarget, targetOf } from '../cli/native-client/connect-target.js';

export default class Connect extends GwCommand {
  static override summary = 'Connect to a target with its native client.';
  static override description =
    `Opens a port on 127.0.0.1 that only the client knows the secret of, and runs the native client of the target on it. Arguments after \`--\` go to the client. The client's exit code and signals pass through.

With --listen the port stays open for a client of your own until Ctrl-C, and its URL is printed. --print chooses the form and implies --listen: the port lives as long as gw does. A missing client program ends with exit code 2.

Where policy wants people to approve, the client waits and says for whom; --no-wait ends with exit code 5 instead, a denial with 6.`;
  static override examples = [
    { description: 'Open the client', command: '<%= config.bin %> connect bank-db' },
    { description: 'Pass arguments to the client', command: '<%= config.bin %> connect bank-db --reason "TICKET-7" -- -c "select 1"' },
    { description: 'Keep a port open for a graphical client', command: '<%= config.bin %> connect bank-db --listen 6432' },
    { description: 'Print the environment for a shell, and stay open', command: '<%= config.bin %> connect bank-db --print env' },
  ];

  static override args = { target: stringArg({ description: 'Target to connect to; the default target of the settings when left out.' }) };
  static override flags = {
    listen: integer({
      summary: 'Keep the port open instead of running the client; any free port unless one is named.',
      helpValue: '[PORT]',
      min: 0,
      max: 65_535,
    }),
    print: option({ summary: 'Print how to reach the port, and keep it open (implies --listen).', options: ['url', 'env', 'json'] as const })(),
    ...askingFlags,
  };

  async run(): Promise<void> {
    const { own, rest } = splitLine(this.argv);
    const { args, flags } = await this.parse(Connect, withWait(withListenPort(own)));
    const connection = await this.connect(flags);
    const target = targetOf(args.target, connection, 'connect');
    const keepOpen = flags.listen !== undefined || flags.print !== undefined || this.jsonEnabled();
    const listen = keepOpen ? { port: flags.listen ?? 0, form: flags.print ?? (this.jsonEnabled() ? 'json' : 'url') } : null;
    this.exit(
      await connectTarget({
        connection,
        target,
        args: rest ?? [],
        terms: askingTerms(flags),
        record: flags.record,
        userAgent: this.userAgent,
        listen,
        program: null,
      }),
    );
  }
}
