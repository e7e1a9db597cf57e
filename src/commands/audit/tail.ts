/** `gw audit tail`: the audit log as it is written. */
import { integer, option } from '@oclif/core/flags';
import { auditFlags, auditQuery } from '../../cli/audit-flags.js';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { jsonLines } from '../../cli/record/json-lines.js';
import { auditLine } from '../../cli/render/audit-columns.js';
import { leavesOutDenials, RefusedSteps } from '../../cli/render/refused-steps.js';
import { visible, writeData, writeJson } from '../../cli/terminal.js';
import type { AuditEntry } from '../../contract/audit-entry.js';

const NOT_SHOWN = 'These filters leave out `api.denied`, which says that a step of an approval was not taken: add --kind api.denied.';

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
  static override flags = {
    ...auditFlags,
    last: integer({ summary: 'Begin with so many that are there already.', default: 10, min: 0, max: 1000 }),
    output: option({
      char: 'o',
      options: ['text', 'json', 'ndjson'] as const,
      default: 'text',
      summary: 'Form of the output; json and ndjson are one document a line.',
    })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditTail);
    const { client, clock } = await this.connect(flags);
    const query = auditQuery(flags, undefined, clock.now());
    const stream = await client.followAudit({ ...query, last: flags.last });
    if (flags.output !== 'text' || this.jsonEnabled()) {
      for await (const entry of jsonLines(stream)) writeJson(`${JSON.stringify(entry)}\n`);
      return;
    }
    if (leavesOutDenials(query) && (flags.kind.length === 0 || flags.kind.some((kind) => /^(approval|grant)\./.test(kind)))) sayWarning(NOT_SHOWN);
    const refused = new RefusedSteps();
    for await (const line of jsonLines(stream)) {
      const entry = line as unknown as AuditEntry;
      refused.see(entry);
      writeData(`${visible(auditLine(entry, refused))}\n`);
    }
  }
}
