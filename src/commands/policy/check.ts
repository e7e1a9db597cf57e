/** `gw policy check`: are these policy files valid, with every problem and its position. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';

interface CheckedPolicy {
  readonly valid: true;
  readonly digest: string;
  readonly rules: readonly string[];
}

export default class PolicyCheck extends GwCommand {
  static override summary = 'Validate policy files.';
  static override description =
    'Reports every problem with file, line, column and the word that was probably meant. Files are taken together, as a gateway takes them. Exit status 2 when they are not valid. Needs no gateway.';
  static override examples = [
    { description: 'Validate the policy of a repository', command: "<%= config.bin %> policy check 'policy/*.yaml'" },
    { description: 'In CI', command: '<%= config.bin %> policy check policy/bank.yaml --json' },
  ];
  static override strict = false;
  static override args = { files: stringArg({ description: 'Policy files; `*` stands for any run of characters.', required: true }) };

  async run(): Promise<CheckedPolicy> {
    const { argv } = await this.parse(PolicyCheck);
    const { checkPolicy } = await import('../../gateway/policy-workbench.js');
    const { digest, rules } = await checkPolicy(argv as string[]);
    this.print(`valid: ${rules.length} rules, ${digest}`);
    return { valid: true, digest, rules };
  }
}
