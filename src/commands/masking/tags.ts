/** `gw masking tags`: columns that have tags because of what they hold. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { inheritedTagColumns } from '../../cli/render/inherited-tag-columns.js';
import type { InheritedTagList } from '../../contract/inherited-tags.js';

export default class MaskingTags extends GwCommand {
  static override summary = 'List columns that inherited the tags of others.';
  static override description =
    'A column that is made out of tagged ones (CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW) or is given another name keeps their tags, by its identity at the target. Listed are where it is now, whose tags it has, and which session made it. For admins and auditors.';
  static override examples = [
    { description: 'Of a target', command: '<%= config.bin %> masking tags bank-db' },
    { description: 'As CSV', command: '<%= config.bin %> masking tags bank-db --output csv' },
  ];
  static override args = { target: stringArg({ description: 'Target whose columns are listed.', required: true }) };
  static override flags = { ...outputFlag };

  async run(): Promise<InheritedTagList> {
    const { args, flags } = await this.parse(MaskingTags);
    const { client, clock } = await this.connect(flags);
    const list = await client.inheritedTags(args.target);
    await this.printRows({ columns: inheritedTagColumns(clock.now()), rows: list.tags, whole: list, empty: 'No column inherited a tag.' }, flags.output);
    return list;
  }
}
