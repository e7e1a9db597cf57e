/** `gw request ls`: what I asked for. */
import { boolean, integer, option, string } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { requestColumns } from '../../cli/render/request-text.js';
import { say, visible } from '../../cli/terminal.js';
import type { ApprovalList } from '../../contract/api-types.js';
import { APPROVAL_STATES } from '../../contract/approval.js';

export default class RequestLs extends GwCommand {
  static override summary = 'List requests for approval that you made, newest first.';
  static override examples = [
    { description: 'Yours', command: '<%= config.bin %> request ls' },
    { description: 'Of everybody, for administrators and auditors', command: '<%= config.bin %> request ls --all --state denied --output csv' },
  ];

  static override flags = {
    ...outputFlag,
    all: boolean({ summary: 'Of everybody; for administrators and auditors.' }),
    state: option({ summary: 'Only in this state; give it several times for several.', options: APPROVAL_STATES, multiple: true, multipleNonGreedy: true })(),
    target: string({ char: 't', summary: 'Only for this target.', helpValue: 'NAME' }),
    limit: integer({ summary: 'At most so many.', default: 50, min: 1, max: 1000 }),
    before: string({ summary: 'Continue after this request of the page before.', helpValue: 'ID' }),
  };

  async run(): Promise<ApprovalList> {
    const { flags } = await this.parse(RequestLs);
    const { client, clock } = await this.connect(flags);
    const { state, target, limit, before } = flags;
    const list = await client.requests({ for: flags.all ? 'all' : 'mine', state, target, limit, before });
    await this.printRows({ columns: requestColumns(clock.now()), rows: list.requests, whole: list, empty: 'No requests.' }, flags.output);
    if (list.next !== null && !this.jsonEnabled()) say(`There are more: add --before ${visible(list.next)}`);
    return list;
  }
}
