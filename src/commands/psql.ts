/** `gw psql TARGET -- …`: the short way to connect with psql. One of the few places outside its island that name it. */
import { ClientCommand } from '../cli/native-client/client-command.js';

export default class Psql extends ClientCommand {
  static override summary = 'Run psql on a target.';
  static override description =
    'The same as `gw connect TARGET`, for targets whose client is psql. Arguments after `--` go to psql; its exit code and signals pass through.';
  static override examples = [
    { description: 'Run one statement', command: '<%= config.bin %> psql bank-db -- -c "select count(*) from bank.accounts"' },
    { description: 'Run a script', command: '<%= config.bin %> psql bank-db -- --file report.sql' },
  ];

  protected readonly program = 'psql';
}
