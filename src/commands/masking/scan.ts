/** `gw masking scan`: which columns of a target look as if they needed a tag. */
import { string as stringArg } from '@oclif/core/args';
import { integer, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { renderScan, scanYaml } from '../../cli/render/masking-text.js';
import { say } from '../../cli/terminal.js';
import type { MaskingScan } from '../../contract/masking-policy.js';

export default class MaskingScanCommand extends GwCommand {
  static override summary = 'Look for columns that hold sensitive data, and propose tags.';
  static override description =
    'The gateway looks at some rows of every table; what comes back are names, classes and counts, never a value. The proposals are YAML for the `data` of a policy file, on stdout; what they are based on is said beside each. Columns that the policy tags already are left out. For admins; on the record.';
  static override examples = [
    { description: 'Propose tags for a target', command: '<%= config.bin %> masking scan bank-db' },
    { description: 'Into a file, only what is likely', command: '<%= config.bin %> masking scan bank-db --confidence 0.8 > policy/data.yaml' },
    { description: 'Another database of the same target', command: '<%= config.bin %> masking scan bank-db --database reporting' },
  ];
  static override args = { target: stringArg({ description: 'Target to look at.', required: true }) };
  static override flags = {
    database: string({ summary: 'Part of the target; left out: the one that the target names.', helpValue: 'NAME' }),
    rows: integer({ summary: 'Rows of each table that are looked at.', default: 200, min: 1, max: 10_000 }),
    confidence: string({ summary: 'Leave out proposals below this, from 0 to 1.', default: '0.3', helpValue: 'NUMBER' }),
  };

  async run(): Promise<MaskingScan> {
    const { args, flags } = await this.parse(MaskingScanCommand);
    const { client } = await this.connect(flags);
    const answer = await client.scanForTags(args.target, { rows: flags.rows, ...(flags.database === undefined ? {} : { scope: flags.database }) });
    const least = Number(flags.confidence);
    const scan = { ...answer, proposals: answer.proposals.filter(({ confidence }) => !(confidence < least)) };
    if (!this.jsonEnabled()) say(renderScan(scan).trimEnd());
    if (scan.proposals.length > 0) this.print(scanYaml(scan).trimEnd());
    return scan;
  }
}
