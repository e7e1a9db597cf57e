/** `gw grants ls`: time-boxed access that lives now. */
import { boolean, string } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { requestColumns } from '../../cli/render/request-text.js';
import type { ApprovalList } from '../../contract/api-types.js';

export default class GrantsLs extends GwCommand {
  static override summary = 'List time-boxed access that lives now.';
  static override examples = [
    { description: 'Yours', command: '<%= config.bin %> grants ls' },
    { description: 'Of everybody, for administrators and auditors', command: '<%= config.bin %> grants ls --all' },
  ];

  static override flags = {
    ...outputFlag,
    all: boolean({ summary: 'Of everybody; for administrators and auditors.' }),
    target: string({ char: 't', summary: 'Only for this target.', helpValue: 'NAME' }),
  };

  async run(): Promise<ApprovalList> {
    const { flags } = await this.parse(GrantsLs);
    const { client, clock } = await this.connect(flags);
    const list = await client.grants({ for: flags.all ? 'all' : 'mine', target: flags.target });
    await this.printRows({ columns: requestColumns(clock.now()), rows: list.requests, whole: list, empty: 'No grants.' }, flags.output);
    return list;
  }
}
