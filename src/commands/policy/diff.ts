/** `gw policy diff A B`: what differs in meaning. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { visible } from '../../cli/terminal.js';
import type { PolicyComparison } from '../../gateway/policy-workbench.js';

export default class PolicyDiff extends GwCommand {
  static override summary = 'Compare two policies by what they mean.';
  static override description =
    'Layout, comments and the order of rules make no difference. With --tests, decisions that come out otherwise are shown too, whatever the tests expect. Exit status 1 when something differs.';
  static override examples = [
    { description: 'Rules added, removed and changed', command: '<%= config.bin %> policy diff policy/bank.yaml proposed/bank.yaml' },
    {
      description: 'And the decisions that change',
      command: '<%= config.bin %> policy diff policy/bank.yaml proposed/bank.yaml --tests policy/bank.test.yaml',
    },
  ];
  static override args = {
    before: stringArg({ description: 'Policy files before; `*` stands for any run of characters.', required: true }),
    after: stringArg({ description: 'Policy files after.', required: true }),
  };
  static override flags = { tests: string({ summary: 'Tests whose decisions to compare.', multiple: true, default: [], helpValue: 'FILE' }) };

  async run(): Promise<PolicyComparison> {
    const { args, flags } = await this.parse(PolicyDiff);
    const { diffPolicies } = await import('../../gateway/policy-workbench.js');
    const found = await diffPolicies([args.before], [args.after], flags.tests);
    for (const name of found.removed) this.print(`- ${visible(name)}`);
    for (const name of found.added) this.print(`+ ${visible(name)}`);
    for (const { name, keys } of found.changed) this.print(`~ ${visible(name)}: ${keys.join(', ')}`);
    for (const { test, before, after } of found.decisions) this.print(`! ${visible(test)}: ${visible(before)} → ${visible(after)}`);
    const differs = found.removed.length + found.added.length + found.changed.length + found.decisions.length;
    if (differs === 0) this.print('no difference');
    else process.exitCode = 1;
    return found;
  }
}
