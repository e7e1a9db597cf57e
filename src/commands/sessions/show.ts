/** `gw sessions show ID`: everything that the record of one session holds. */
import { string as stringArg } from '@oclif/core/args';
import { integer } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { renderSession } from '../../cli/render/session-columns.js';
import { say, terminalColumns } from '../../cli/terminal.js';
import type { SessionDetail } from '../../contract/api-types.js';

export default class SessionsShow extends GwCommand {
  static override summary = 'Show one session: who, what, when, with which outcome.';
  static override description = 'Ends with exit code 9 when the record of the session is not intact.';
  static override examples = [{ description: 'Show a session', command: '<%= config.bin %> sessions show ses_01hxyz' }];
  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls`.', required: true }) };
  static override flags = {
    after: integer({ summary: 'Continue after the operation with this number.', default: 0, min: 0 }),
    limit: integer({ summary: 'At most so many operations.', default: 1000, min: 1, max: 5000 }),
  };

  async run(): Promise<SessionDetail> {
    const { args, flags } = await this.parse(SessionsShow);
    const { client, clock } = await this.connect(flags);
    const detail = await client.session(args.id, { after: flags.after, limit: flags.limit });
    this.print(renderSession(detail, clock.now(), terminalColumns()).trimEnd());
    if (detail.next !== null && !this.jsonEnabled()) say(`There are more: add --after ${detail.next}`);
    if (!detail.intact) process.exitCode = 9;
    return detail;
  }
}
