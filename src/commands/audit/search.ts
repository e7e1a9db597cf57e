/** `gw audit search [TEXT]`: entries of the audit log by kind, subject, target, session, time and text. */
import { string as stringArg } from '@oclif/core/args';
import { integer, string } from '@oclif/core/flags';
import { auditFlags, auditQuery } from '../../cli/audit-flags.js';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { lookForRefusals } from '../../cli/record/look-for-refusals.js';
import { searchAudit } from '../../cli/record/search-audit.js';
import { auditColumns } from '../../cli/render/audit-columns.js';
import { RefusedSteps } from '../../cli/render/refused-steps.js';
import { isDataTerminal, say, visible } from '../../cli/terminal.js';
import type { AuditEntryList } from '../../contract/api-types.js';

const NOT_SHOWN =
  'Whether a step of an approval was taken cannot be told of all of these: there is too much in the log after them to look for `api.denied`, which says that one was not. Search for the apr_… alone.';

export default class AuditSearch extends GwCommand {
  static override summary = 'Search the audit log, newest first.';
  static override description =
    'For auditors of the gateway. All filters must hold. TEXT is looked for anywhere in an entry, in any case. An entry holds what is public about an event; names, addresses and reasons stand in the record. Each search is itself an entry (`log.read`).';
  static override examples = [
    { description: 'What was refused in the last day', command: '<%= config.bin %> audit search --kind operation.deny --since 24h' },
    {
      description: 'Everything about approvals on one target, as CSV',
      command: "<%= config.bin %> audit search --kind 'approval.*' --target bank-db --output csv",
    },
    { description: 'Who read what', command: '<%= config.bin %> audit search --kind log.read --subject sub-carol' },
  ];

  static override args = { text: stringArg({ description: 'Text that the entries hold.' }) };
  static override flags = {
    ...outputFlag,
    ...auditFlags,
    since: string({ summary: 'Only entries of then or later.', helpValue: 'TIME' }),
    until: string({ summary: 'Only entries before.', helpValue: 'TIME' }),
    limit: integer({ summary: 'At most so many.', default: 50, min: 1, max: 1000 }),
    before: string({ summary: 'Continue after the page before.', helpValue: 'PLACE' }),
  };

  async run(): Promise<AuditEntryList> {
    const { args, flags } = await this.parse(AuditSearch);
    const { client, clock } = await this.connect(flags);
    const query = auditQuery(flags, args.text, clock.now());
    const page = await searchAudit(client, query, flags.limit, flags.before);
    const refused = new RefusedSteps(page.entries);
    const people = !this.jsonEnabled() && (flags.output ?? (isDataTerminal() ? 'table' : null)) === 'table';
    const unsettled = people ? refused.unsettled(page.entries, query, flags.before !== undefined || flags.until !== undefined) : [];
    const settled = await lookForRefusals(client, unsettled, refused);
    await this.printRows({ columns: auditColumns(clock.now(), refused), rows: page.entries, whole: page, empty: 'Nothing found.' }, flags.output);
    for (const each of page.missing) sayWarning(visible(each));
    if (!settled) sayWarning(NOT_SHOWN);
    if (page.next !== null && !this.jsonEnabled()) say(`There are more: add --before ${visible(page.next)}`);
    return page;
  }
}
