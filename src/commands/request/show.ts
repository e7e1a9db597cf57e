/** `gw request show ID`: one request whole. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { renderRequest } from '../../cli/render/request-text.js';
import { paintOut } from '../../cli/terminal.js';
import type { ApprovalInfo } from '../../contract/api-types.js';

export default class RequestShow extends GwCommand {
  static override summary = 'Show one request for approval: what, who, why, and how it stands.';
  static override examples = [{ description: 'Show a request', command: '<%= config.bin %> request show apr_01hxyz' }];
  static override args = { id: stringArg({ description: 'Id of the request.', required: true }) };

  async run(): Promise<ApprovalInfo> {
    const { args, flags } = await this.parse(RequestShow);
    const { client, clock } = await this.connect(flags);
    const request = await client.request(args.id);
    this.print(renderRequest(request, clock.now(), paintOut).trimEnd());
    return request;
  }
}
