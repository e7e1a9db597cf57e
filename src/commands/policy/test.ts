/** `gw policy test`: the tests beside a policy, for CI. */
import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { outcomeText } from '../../cli/render/policy-text.js';
import { visible } from '../../cli/terminal.js';

interface TestedPolicy {
  readonly passed: number;
  readonly failed: number;
  readonly tests: readonly {
    readonly file: string;
    readonly line: number;
    readonly name: string;
    readonly passed: boolean;
    readonly differs: readonly string[];
  }[];
}

export default class PolicyTest extends GwCommand {
  static override summary = 'Run the tests beside a policy.';
  static override description =
    'A file NAME.test.yaml says for identities, targets and statements which decision is expected, and by which rule. Exit status 1 when one of them comes out otherwise. Needs no gateway.';
  static override examples = [
    { description: 'Run all tests of a repository', command: "<%= config.bin %> policy test 'policy/*.test.yaml'" },
    { description: 'Show the ones that passed, too', command: '<%= config.bin %> policy test policy/bank.test.yaml --verbose' },
  ];
  static override strict = false;
  static override args = { files: stringArg({ description: 'Files of tests; `*` stands for any run of characters.', required: true }) };
  static override flags = { verbose: boolean({ char: 'v', summary: 'Print tests that passed, too.' }) };

  async run(): Promise<TestedPolicy> {
    const { argv, flags } = await this.parse(PolicyTest);
    const { testPolicy } = await import('../../gateway/policy-workbench.js');
    const results = await testPolicy(argv as string[]);
    for (const { file, line, name, passed, decision, shown, differs } of results) {
      if (passed && !flags.verbose) continue;
      this.print(`${passed ? 'ok  ' : 'FAIL'} ${visible(file)}:${line} ${visible(name)}: ${shown ?? outcomeText(decision)}`);
      for (const difference of differs) this.print(`     ${visible(difference)}`);
      if (!passed && shown === null) for (const reason of decision.reasons) this.print(`     ${visible(reason)}`);
    }
    const failed = results.filter(({ passed }) => !passed).length;
    this.print(`${results.length - failed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
    return { passed: results.length - failed, failed, tests: results.map(({ file, line, name, passed, differs }) => ({ file, line, name, passed, differs })) };
  }
}
