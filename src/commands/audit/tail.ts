/** `gw audit tail`: the audit log as it is written. */
import { integer, option } from '@oclif/core/flags';
import { auditFlags, auditQuery } from '../../cli/audit-flags.js';
import { GwCommand } from '../../cli/base-command.js';
import { jsonLines } from '../../cli/record/json-lines.js';
import { auditLine } from '../../cli/render/audit-columns.js';
import { visible, writeData } from '../../cli/terminal.js';
import type { AuditEntry } from '../../contract/audit-entry.js';

export default class AuditTail extends GwCommand {
  static override summary = 'Follow the audit log as it is written.';
  static override description =
    'For auditors of the gateway. Prints the last entries that match, then each as soon as it is signed, until interrupted. Whoever loses the role is cut off within seconds. Following is itself an entry (`log.read`).';
  static override examples = [
    { description: 'Follow everything', command: '<%= config.bin %> audit tail' },
    {
      description: 'Refusals and approvals on one target, for a program',
      command: "<%= config.bin %> audit tail --kind operation.deny --kind 'approval.*' --target bank-db --output ndjson",
    },
  ];
  static override enableJsonFlag = false;
  static override flags = {
    ...auditFlags,
    last: integer({ summary: 'Begin with so many that are there already.', default: 10, min: 0, max: 1000 }),
    output: option({ char: 'o', options: ['text', 'ndjson'] as const, default: 'text', summary: 'Form of the output.' })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditTail);
    const { client, clock } = await this.connect(flags);
    const stream = await client.followAudit({ ...auditQuery(flags, undefined, clock.now()), last: flags.last });
    for await (const entry of jsonLines(stream)) {
      writeData(flags.output === 'ndjson' ? `${JSON.stringify(entry)}\n` : `${visible(auditLine(entry as unknown as AuditEntry))}\n`);
    }
  }
}
