/** `gw help exit-codes`. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { EXIT_CODES, type ExitCode, WRAPPED_PROGRAM } from '../../cli/exit-codes.js';
import { say } from '../../cli/terminal.js';

export default class HelpExitCodes extends GwCommand {
  static override summary = 'Explain the exit codes.';
  static override description = WRAPPED_PROGRAM;
  static override examples = [{ description: 'Show the exit codes', command: '<%= config.bin %> help exit-codes' }];
  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly exitCodes: readonly ExitCode[] }> {
    const { flags } = await this.parse(HelpExitCodes);
    const columns = [
      { name: 'code', value: (row: ExitCode) => row.code },
      { name: 'name', value: (row: ExitCode) => row.name },
      { name: 'meaning', value: (row: ExitCode) => row.meaning },
    ];
    await this.printRows({ columns, rows: EXIT_CODES, whole: { exitCodes: EXIT_CODES }, empty: '' }, flags.output);
    if (!this.jsonEnabled() && flags.output === undefined) say(`\n${WRAPPED_PROGRAM}`);
    return { exitCodes: EXIT_CODES };
  }
}
