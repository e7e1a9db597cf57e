/** `gw users lock USER`. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { findUser } from '../../cli/find-user.js';
import { say, visible } from '../../cli/terminal.js';

export default class UsersLock extends GwCommand {
  static override summary = 'Lock a person, service or agent out; live sessions end within seconds.';
  static override examples = [{ description: 'Lock alice', command: '<%= config.bin %> users lock alice --reason "gone from the company"' }];
  static override args = { user: stringArg({ description: 'Short name, or ISSUER#SUBJECT when the name is not unique.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; kept in the record.', required: true, helpValue: 'TEXT' }) };

  async run(): Promise<{ readonly issuer: string; readonly subject: string; readonly locked: boolean }> {
    const { args, flags } = await this.parse(UsersLock);
    const { client } = await this.connect(flags);
    const { issuer, subject, name } = findUser(await client.users(), args.user);
    await client.setLocked({ issuer, subject }, true, flags.reason);
    if (!this.jsonEnabled()) say(`Locked ${visible(name)} (${visible(`${issuer}#${subject}`)}).`);
    return { issuer, subject, locked: true };
  }
}
