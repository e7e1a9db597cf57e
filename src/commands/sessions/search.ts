/** `gw sessions search QUERY`: operations of all sessions by text and by name. */
import { string as stringArg } from '@oclif/core/args';
import { boolean, integer, string } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { operationColumns } from '../../cli/render/operation-columns.js';
import { say, visible } from '../../cli/terminal.js';
import type { OperationList } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';

export default class SessionsSearch extends GwCommand {
  static override summary = 'Search the operations of all sessions, newest first.';
  static override description =
    'Words and "phrases" are looked for in the texts; relation:, target:, user:, for:, verdict:, status:, rule:, kind: and masked: among the names; since: and until: bound the time. All parts must hold. Without the role of an auditor only your own operations are searched.';
  static override examples = [
    { description: 'Who touched a table', command: "<%= config.bin %> sessions search 'relation:ledger.entries'" },
    { description: 'What was refused in the last week', command: "<%= config.bin %> sessions search 'verdict:deny since:7d'" },
    { description: 'A phrase of a statement, on one target', command: `<%= config.bin %> sessions search '"where account_id" target:bank-db'` },
    { description: 'Who saw social security numbers, masked or clear', command: "<%= config.bin %> sessions search 'masked:ssn' --output csv" },
  ];

  static override args = { query: stringArg({ description: 'Words, "phrases" and name:value parts.', required: true }) };
  static override flags = {
    ...outputFlag,
    mine: boolean({ summary: 'Only your own operations.', default: false }),
    limit: integer({ summary: 'At most so many.', default: 50, min: 1, max: 1000 }),
    before: string({ summary: 'Continue after the page before.', helpValue: 'PLACE' }),
  };

  async run(): Promise<OperationList> {
    const { args, flags } = await this.parse(SessionsSearch);
    if (args.query.trim() === '') {
      throw new GwError('usage.invalid', 'There is nothing to search for.', {
        hint: "Give words or parts, as in `gw sessions search 'verdict:deny since:7d'`.",
      });
    }
    const { client, clock } = await this.connect(flags);
    const page = await client.operations({ q: args.query, limit: flags.limit, before: flags.before, mine: flags.mine });
    await this.printRows({ columns: operationColumns(clock.now()), rows: page.operations, whole: page, empty: 'Nothing found.' }, flags.output);
    for (const note of page.notes ?? []) sayWarning(visible(note));
    if (page.next !== null && !this.jsonEnabled()) say(`There are more: add --before ${visible(page.next)}`);
    return page;
  }
}
