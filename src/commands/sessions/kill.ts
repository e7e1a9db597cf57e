/** `gw sessions kill ID`: ends a live session. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { say, visible } from '../../cli/terminal.js';
import type { KillReply } from '../../contract/api-types.js';

export default class SessionsKill extends GwCommand {
  static override summary = 'End a live session, in mid-statement too.';
  static override examples = [{ description: 'End a session', command: '<%= config.bin %> sessions kill ses_01hxyz --reason "runaway report"' }];
  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; shown to its owner and kept in the record.', default: '', helpValue: 'TEXT' }) };

  async run(): Promise<KillReply> {
    const { args, flags } = await this.parse(SessionsKill);
    const { client } = await this.connect(flags);
    const reply = await client.kill(args.id, flags.reason);
    if (!this.jsonEnabled()) say(reply.state === 'ended' ? `${visible(args.id)} had ended before.` : `Ended ${visible(args.id)}.`);
    return reply;
  }
}
