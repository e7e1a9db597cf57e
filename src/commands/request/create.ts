/** `gw request create TARGET`: asks ahead of time. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { parseDuration } from '../../base/duration.js';
import { GwCommand } from '../../cli/base-command.js';
import { placeOf } from '../../cli/native-client/place.js';
import { readStatement } from '../../cli/read-statement.js';
import { say, visible } from '../../cli/terminal.js';
import type { ApprovalInfo } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';

export default class RequestCreate extends GwCommand {
  static override summary = 'Ask for approval ahead of time: access for a time, or a statement.';
  static override description =
    'With --for: access that ends at its minute, with the sessions that rest on it. It covers what the people who approve it may approve one by one, where policy takes grants. With --statement: that exact text and nothing else, once, or as often as needed within --for.';
  static override examples = [
    { description: 'An hour of access', command: '<%= config.bin %> request create bank-db --for 1h --reason "month end" --ticket OPS-7' },
    {
      description: 'One statement, once',
      command: '<%= config.bin %> request create bank-db --statement "delete from ledger.entries where id = 42" --reason "duplicate"',
    },
    { description: 'A statement from a file', command: '<%= config.bin %> request create bank-db --statement @fix.sql --for 30m --reason "repair"' },
  ];

  static override args = { target: stringArg({ description: 'Target to reach; the default target of the settings when left out.' }) };
  static override flags = {
    for: string({ summary: 'How long the access shall last.', helpValue: 'TIME' }),
    statement: string({ summary: 'Exact text to be approved; @FILE reads it from a file, byte for byte.', helpValue: 'TEXT' }),
    as: string({ summary: 'As which account of the target. Also written ACCOUNT@TARGET or TARGET+ACCOUNT.', helpValue: 'ACCOUNT' }),
    reason: string({ summary: 'Why; shown to those who approve, and kept in the record.', required: true, helpValue: 'TEXT' }),
    ticket: string({ summary: 'Ticket that this belongs to.', helpValue: 'ID' }),
  };

  async run(): Promise<ApprovalInfo> {
    const { args, flags } = await this.parse(RequestCreate);
    const { client, settings } = await this.connect(flags);
    const named = args.target ?? settings.target?.value;
    if (named === undefined) throw new GwError('usage.invalid', 'Which target?', { hint: 'Name one: `gw request create TARGET`. `gw ls` shows them.' });
    const { target, account } = placeOf(named, flags.as ?? null);
    const length = flags.for === undefined ? undefined : parseDuration(flags.for);
    if (length === null) throw new GwError('usage.invalid', `"${flags.for ?? ''}" is not a time.`, { hint: 'Write --for 30m or --for 2h.' });
    const statement = flags.statement?.startsWith('@') === true ? await readStatement(flags.statement.slice(1)) : flags.statement;
    const seconds = length === undefined ? undefined : Math.round(length / 1000);
    const request = await client.createRequest({
      target,
      ...(account === null ? {} : { account }),
      for: seconds,
      statement,
      reason: flags.reason,
      ticket: flags.ticket,
    });
    if (!this.jsonEnabled()) say(`${visible(request.id)} waits for ${visible(request.groups.join(', '))}, until ${request.expiresAt}.`);
    return request;
  }
}
