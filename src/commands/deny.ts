/** `gw deny ID --reason TEXT`. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { sayDecision } from '../cli/approve/review.js';
import { GwCommand } from '../cli/base-command.js';
import type { ApprovalInfo } from '../contract/api-types.js';

export default class Deny extends GwCommand {
  static override summary = 'Deny a request for approval.';
  static override description = 'Who asked is told your reason. Of break-glass access it means that you do not accept it: what is left of it ends at once.';
  static override examples = [{ description: 'Say no', command: '<%= config.bin %> deny apr_01hxyz --reason "name the rows"' }];
  static override args = { id: stringArg({ description: 'Id of the request, from `gw approve`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; told to whoever asked, and kept in the record.', required: true, helpValue: 'TEXT' }) };

  async run(): Promise<ApprovalInfo> {
    const { args, flags } = await this.parse(Deny);
    const { client } = await this.connect(flags);
    const denied = await client.deny(args.id, flags.reason);
    if (!this.jsonEnabled()) sayDecision({ ...denied, missing: [] }, 'Denied');
    return denied;
  }
}
