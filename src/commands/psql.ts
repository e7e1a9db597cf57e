/** `gw psql TARGET -- …`: the short way to connect with psql. The one place outside its island that names a protocol's client. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../cli/base-command.js';
import { askingFlags, askingTerms, withWait } from '../cli/native-client/asking-flags.js';
import { splitLine } from '../cli/native-client/command-line.js';
import { connectTarget } from '../cli/native-client/connect-target.js';
import { GwError } from '../contract/gw-error.js';

export default class Psql extends GwCommand {
  static override summary = 'Run psql on a target.';
  static override description =
    'The same as `gw connect TARGET`, for targets whose client is psql. Arguments after `--` go to psql; its exit code and signals pass through.';
  static override examples = [
    { description: 'Run one statement', command: '<%= config.bin %> psql bank-db -- -c "select count(*) from bank.accounts"' },
    { description: 'Run a script', command: '<%= config.bin %> psql bank-db -- --file report.sql' },
  ];

  static override args = { target: stringArg({ description: 'Target to connect to; the default target of the settings when left out.' }) };
  static override flags = { ...askingFlags };

  async run(): Promise<void> {
    const { own, rest } = splitLine(this.argv);
    const { args, flags } = await this.parse(Psql, withWait(own));
    const connection = await this.connect(flags);
    const target = args.target ?? connection.settings.target?.value;
    if (target === undefined) throw new GwError('usage.invalid', 'Which target?', { hint: 'Name one: `gw psql TARGET`. `gw ls` shows them.' });
    this.exit(
      await connectTarget({
        connection,
        target,
        args: rest ?? [],
        terms: askingTerms(flags),
        record: flags.record,
        userAgent: this.userAgent,
        listen: null,
        program: 'psql',
      }),
    );
  }
}
