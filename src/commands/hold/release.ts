/** `gw hold release ID`: what it kept may be erased and may expire again. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { say, visible } from '../../cli/terminal.js';
import type { Hold } from '../../contract/record-keeping.js';

export default class HoldRelease extends GwCommand {
  static override summary = 'Release a legal hold.';
  static override examples = [{ description: 'Release it', command: '<%= config.bin %> hold release hld_01hxyz --reason "case closed"' }];
  static override args = { id: stringArg({ description: 'Id of the hold, from `gw hold ls`.', required: true }) };
  static override flags = { reason: string({ summary: 'Why; kept in the record.', required: true, helpValue: 'TEXT' }) };

  async run(): Promise<Hold> {
    const { args, flags } = await this.parse(HoldRelease);
    const { client } = await this.connect(flags);
    const hold = await client.recordKeeping.releaseHold(args.id, flags.reason);
    if (!this.jsonEnabled()) say(`Released ${visible(hold.id)}.`);
    return hold;
  }
}
