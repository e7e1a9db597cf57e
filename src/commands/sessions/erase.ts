/** `gw sessions erase ID`: makes what a session recorded unreadable for ever. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { say, visible } from '../../cli/terminal.js';
import type { EraseReply } from '../../contract/api-types.js';

export default class SessionsErase extends GwCommand {
  static override summary = 'Erase what a session recorded, for ever; that it was stays proved.';
  static override description =
    'Destroys the key of the session and takes its texts out of the index and the state database. For administrators, never for sessions of their own, and not under a legal hold. What stays: who, on which target, when, how many operations, and every hash, so proofs of the session still verify. The state database is rewritten meanwhile, which can take a minute.';
  static override examples = [{ description: 'Erase a session', command: '<%= config.bin %> sessions erase ses_01hxyz --reason "request DSR-2291"' }];
  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; kept in the record.', required: true, helpValue: 'TEXT' }) };

  async run(): Promise<EraseReply> {
    const { args, flags } = await this.parse(SessionsErase);
    const { client } = await this.connect(flags);
    const reply = await client.recordKeeping.erase(args.id, flags.reason);
    if (this.jsonEnabled()) return reply;
    say(reply.state === 'erased' ? `Erased what ${visible(args.id)} recorded.` : `What ${visible(args.id)} recorded was erased before.`);
    if (reply.traces === 'server-log') sayWarning('The state database keeps its own log and backups until its administrator ends them.');
    return reply;
  }
}
