/** `gw hold ls`: what is kept whatever retention and erasure say. */
import { boolean } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { relativeTime } from '../../cli/render/relative-time.js';
import type { Column } from '../../cli/render/rows.js';
import type { HoldList } from '../../contract/api-types.js';
import type { Hold } from '../../contract/record-keeping.js';

export default class HoldLs extends GwCommand {
  static override summary = 'List legal holds: on what, by whom, why.';
  static override examples = [
    { description: 'Those in force', command: '<%= config.bin %> hold ls' },
    { description: 'Those that were released too', command: '<%= config.bin %> hold ls --all' },
  ];

  static override flags = { ...outputFlag, all: boolean({ summary: 'Those that were released too.', default: false }) };

  async run(): Promise<HoldList> {
    const { flags } = await this.parse(HoldLs);
    const { client, clock } = await this.connect(flags);
    const list = await client.recordKeeping.holds(flags.all);
    const columns: readonly Column<Hold>[] = [
      { name: 'id', value: (hold) => hold.id },
      { name: 'scope', value: (hold) => hold.scope },
      { name: 'value', value: (hold) => hold.value },
      { name: 'issuer', value: (hold) => hold.issuer },
      { name: 'added', value: (hold) => hold.addedAt, show: (hold) => relativeTime(hold.addedAt, clock.now()) },
      { name: 'by', value: (hold) => hold.addedBy },
      { name: 'reason', value: (hold) => hold.reason },
      { name: 'released', value: (hold) => hold.releasedAt },
      { name: 'released_by', value: (hold) => hold.releasedBy },
    ];
    await this.printRows({ columns, rows: list.holds, whole: list, empty: 'No holds.' }, flags.output);
    return list;
  }
}
