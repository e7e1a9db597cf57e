/** `gw request cancel ID`: takes a request back. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { say, visible } from '../../cli/terminal.js';
import type { ApprovalInfo } from '../../contract/api-types.js';

export default class RequestCancel extends GwCommand {
  static override summary = 'Take back a request of yours; one that was approved and not used, too.';
  static override examples = [{ description: 'Take it back', command: '<%= config.bin %> request cancel apr_01hxyz --reason "wrong table"' }];
  static override args = { id: stringArg({ description: 'Id of the request, from `gw request ls`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; kept in the record.', default: '', helpValue: 'TEXT' }) };

  async run(): Promise<ApprovalInfo> {
    const { args, flags } = await this.parse(RequestCancel);
    const { client } = await this.connect(flags);
    const request = await client.cancelRequest(args.id, flags.reason);
    if (!this.jsonEnabled()) say(`${visible(request.id)} is ${request.state}.`);
    return request;
  }
}
