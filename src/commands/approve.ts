/** `gw approve [ID]`: what waits for me, and deciding on it. */
import { string as stringArg } from '@oclif/core/args';
import { boolean, string } from '@oclif/core/flags';
import { reviewLive, reviewOne, sayDecision } from '../cli/approve/review.js';
import { GwCommand, outputFlag } from '../cli/base-command.js';
import { requestColumns } from '../cli/render/request-text.js';
import { canAsk } from '../cli/terminal.js';
import type { ApprovalInfo, ApprovalList } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';

export default class Approve extends GwCommand {
  static override summary = 'See what waits for your approval, and decide on it.';
  static override description =
    `Without an ID at a terminal: a live list; a number shows one request whole, with the exact statement, what it does, who asks and why. In a pipe, or with --json or --output: the list, once.

With an ID: that request. --yes approves it without a question, for exactly what it says at that moment. A request of the highest tier also needs the name of its target: --target NAME.

An approval is good for the statement, parameters, requester, target and policy that were shown, and for nothing else. Break-glass access that waits for review is in the list, too: approving it means that you looked at it and accept it.`;
  static override examples = [
    { description: 'Watch and decide', command: '<%= config.bin %> approve' },
    { description: 'Approve one request from a script', command: '<%= config.bin %> approve apr_01hxyz --yes --json' },
    { description: 'One of the highest tier', command: '<%= config.bin %> approve apr_01hxyz --yes --target bank-db --reason "seen with carol"' },
  ];

  static override args = { id: stringArg({ description: 'Id of the request; without it, all that wait for you.' }) };
  static override flags = {
    ...outputFlag,
    yes: boolean({ char: 'y', summary: 'Approve without a question.' }),
    reason: string({ summary: 'What you want to say with it; kept in the record.', default: '', helpValue: 'TEXT' }),
    target: string({ summary: 'Name of the target, which a request of the highest tier asks for.', helpValue: 'NAME' }),
  };

  async run(): Promise<ApprovalInfo | ApprovalList> {
    const { args, flags } = await this.parse(Approve);
    const connection = await this.connect(flags);
    const { client, clock, environment } = connection;
    const interactive = canAsk() && !this.jsonEnabled() && !flags['no-input'] && !environment.noInput;
    if (args.id === undefined) {
      if (flags.yes) throw new GwError('usage.invalid', 'Which request?', { hint: 'Name one: `gw approve ID --yes`.' });
      if (interactive && flags.output === undefined) await reviewLive(connection);
      const list = await client.requests({ for: 'me' });
      const rows = { columns: requestColumns(clock.now()), rows: list.requests, whole: list, empty: 'Nothing waits for you.' };
      if (!interactive || flags.output !== undefined) await this.printRows(rows, flags.output);
      return list;
    }
    const request = await client.request(args.id);
    if (!flags.yes) {
      if (interactive) return reviewOne(connection, request);
      throw new GwError('usage.invalid', 'Nobody can be asked here.', { hint: `Look at it with \`gw request show ${request.id}\`, then add --yes.` });
    }
    const decided = await client.approve(request.id, { digest: request.digest, target: flags.target ?? null, reason: flags.reason });
    if (!this.jsonEnabled()) sayDecision(decided, decided.kind === 'break_glass' ? 'Accepted' : 'Approved');
    return decided;
  }
}
