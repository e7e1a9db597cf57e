/** `gw grants revoke ID`: ends time-boxed access before its time. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { say, visible } from '../../cli/terminal.js';
import type { ApprovalInfo } from '../../contract/api-types.js';

export default class GrantsRevoke extends GwCommand {
  static override summary = 'End time-boxed access at once; sessions that rest on it end within seconds.';
  static override examples = [{ description: 'End it', command: '<%= config.bin %> grants revoke apr_01hxyz --reason "done for today"' }];
  static override args = { id: stringArg({ description: 'Id of the grant, from `gw grants ls`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; kept in the record.', required: true, helpValue: 'TEXT' }) };

  async run(): Promise<ApprovalInfo> {
    const { args, flags } = await this.parse(GrantsRevoke);
    const { client } = await this.connect(flags);
    const grant = await client.revokeGrant(args.id, flags.reason);
    if (!this.jsonEnabled()) say(`Revoked ${visible(grant.id)}.`);
    return grant;
  }
}
