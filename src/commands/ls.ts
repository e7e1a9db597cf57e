/** `gw ls`: the targets within reach, and why the others are not. */
import { GwCommand, outputFlag } from '../cli/base-command.js';
import { accountsText } from '../cli/render/accounts-text.js';
import type { Column } from '../cli/render/rows.js';
import { paintOut, visible } from '../cli/terminal.js';
import type { TargetInfo } from '../contract/api-types.js';

const COLUMNS: readonly Column<TargetInfo>[] = [
  { name: 'name', value: (target) => target.name },
  { name: 'kind', value: (target) => target.protocol, show: (target) => target.title },
  { name: 'reachable', value: (target) => target.reachable, show: (target) => (target.reachable ? 'yes' : 'no') },
  {
    name: 'why',
    value: (target) => target.reasons[0] ?? target.rule,
    show: (target) => (target.reachable ? (target.rule ?? '') : (target.reasons[0] ?? target.rule ?? '')),
  },
  { name: 'description', value: (target) => target.description },
];

/** Shown where policy names accounts. */
const ACCOUNTS: Column<TargetInfo> = { name: 'accounts', value: (target) => target.accounts?.join(' ') ?? '', show: accountsText };

export default class Ls extends GwCommand {
  static override summary = 'List the targets that you can reach, and why not the others.';
  static override hiddenAliases = ['targets'];
  static override examples = [
    { description: 'Show the targets', command: '<%= config.bin %> ls' },
    {
      description: 'Names of the targets within reach, for a script',
      command: "<%= config.bin %> ls --json | jq -r '.targets[] | select(.reachable) | .name'",
    },
  ];

  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly targets: readonly TargetInfo[] }> {
    const { flags } = await this.parse(Ls);
    const { client, gateway } = await this.connect(flags);
    const targets = await client.targets();
    await this.printRows(
      {
        columns: targets.some(({ accounts }) => accounts !== undefined) ? [...COLUMNS, ACCOUNTS] : COLUMNS,
        rows: targets,
        whole: { targets },
        empty: paintOut.dim(`No target of ${visible(gateway.origin)} is visible to you.`),
      },
      flags.output,
    );
    return { targets };
  }
}
