/** `gw retention ls`: how long records are kept, and what is over. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { reportText, retentionColumns, retentionRows } from '../../cli/render/retention-text.js';
import { say } from '../../cli/terminal.js';
import type { RetentionState } from '../../contract/retention.js';

export default class RetentionLs extends GwCommand {
  static override summary = 'List how long records are kept, and say what is over.';
  static override description = 'For administrators and auditors. Nothing is ended by it.';
  static override examples = [{ description: 'Show the periods', command: '<%= config.bin %> retention ls' }];
  static override flags = { ...outputFlag };

  async run(): Promise<RetentionState> {
    const { flags } = await this.parse(RetentionLs);
    const { client } = await this.connect(flags);
    const state = await client.recordKeeping.retention();
    await this.printRows({ columns: retentionColumns, rows: retentionRows(state.rules), whole: state, empty: '' }, flags.output);
    if (!this.jsonEnabled()) say(reportText(state.due));
    return state;
  }
}
