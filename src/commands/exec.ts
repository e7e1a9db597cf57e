/** `gw exec TARGET -- COMMAND`: any command, for scripts and CI. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { askingFlags, askingTerms, withWait } from '../cli/native-client/asking-flags.js';
import { splitLine } from '../cli/native-client/command-line.js';
import { execOnTargets, execTargets } from '../cli/native-client/exec-on-targets.js';

export default class Exec extends GwCommand {
  static override summary = 'Run a command that can reach targets.';
  static override description =
    `Opens a port for each target and runs the command with the environment that makes the native client of the target reach it. Nothing is ever asked. Standard streams, exit code and signals of the command pass through; gw's own secrets are taken out of its environment. A command that cannot be started ends with exit code 2.

The first target sets the variables that its clients read. Each target also sets them with its name in front (bank-db: BANK_DB_…), and BANK_DB_URL, so that one command can use several targets.

Where people must approve, the command waits (--wait=30m for a limit); with --no-wait it fails, and gw ends with exit code 5 if it waits for approval, 6 if that was denied or expired.`;
  static override examples = [
    { description: 'One target', command: '<%= config.bin %> exec bank-db -- psql -c "select 1"' },
    {
      description: 'Two targets',
      command: '<%= config.bin %> exec -t bank-db -t ledger-db -- sh -c \'psql "$BANK_DB_URL" -c "select 1" && psql "$LEDGER_DB_URL" -c "select 1"\'',
    },
    {
      description: 'In CI, with a token of the job',
      command: 'GW_GATEWAY=https://gw.example:8443 GW_ID_TOKEN=$TOKEN <%= config.bin %> exec bank-db -- ./migrate.sh',
    },
  ];

  static override args = { target: stringArg({ description: 'Target to reach; the default target of the settings when left out.' }) };
  static override flags = {
    target: string({ char: 't', summary: 'Target to reach; give it several times for several.', multiple: true, multipleNonGreedy: true, helpValue: 'NAME' }),
    ...askingFlags,
  };

  async run(): Promise<void> {
    const { own, rest } = splitLine(this.argv);
    const { args, flags } = await this.parse(Exec, withWait(own));
    const connection = await this.connect(flags);
    const targets = execTargets(args.target, flags.target ?? [], connection.settings.target?.value);
    this.exit(await execOnTargets({ connection, targets, command: rest ?? [], terms: askingTerms(flags), record: flags.record, userAgent: this.userAgent }));
  }
}
