/** `gw policy explain`: why the policy in force decides as it does. */
import { string as stringArg } from '@oclif/core/args';
import { boolean, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { renderExplanation } from '../../cli/render/policy-text.js';
import type { PolicyExplanation } from '../../contract/policy-types.js';

export default class PolicyExplain extends GwCommand {
  static override summary = 'Explain a decision: facts, rules tried, and why.';
  static override description =
    'Asks the gateway what its policy would decide, and runs nothing. Everybody may ask about themselves; about others, auditors and admins. Exit status 0 whatever the decision.';
  static override examples = [
    { description: 'Why may I not do this?', command: "<%= config.bin %> policy explain --target bank-db 'DELETE FROM ledger.entries'" },
    { description: 'What may alice do?', command: "<%= config.bin %> policy explain --as alice --target bank-db 'SELECT * FROM bank.customers'" },
    { description: 'May alice be root there?', command: '<%= config.bin %> policy explain --as alice --target web-1 --account root' },
    { description: 'May alice connect?', command: '<%= config.bin %> policy explain --as alice --target bank-db' },
  ];
  static override args = { statement: stringArg({ description: 'Statement to judge. Left out: opening a session.' }) };
  static override flags = {
    as: string({ summary: 'Whom to ask about: subject, name, or issuer#subject.', helpValue: 'SUBJECT' }),
    account: string({ summary: 'As which account of the target, when opening a session.', helpValue: 'ACCOUNT' }),
    target: string({ summary: 'Target on which it would be done.', required: true, helpValue: 'TARGET' }),
    reason: boolean({ summary: 'As in a session that was opened with a reason (`--reason`), which some masks ask for.' }),
    all: boolean({ summary: 'Show rules that do not apply, too, with what kept them from it.' }),
  };

  async run(): Promise<PolicyExplanation> {
    const { args, flags } = await this.parse(PolicyExplain);
    const { client } = await this.connect(flags);
    const answer = await client.explainPolicy({
      target: flags.target,
      ...(flags.account === undefined ? {} : { account: flags.account }),
      ...(flags.as === undefined ? {} : { as: flags.as }),
      ...(flags.reason ? { reason: true } : {}),
      ...(args.statement === undefined ? {} : { statement: args.statement }),
    });
    this.print(renderExplanation(answer, flags.all).trimEnd());
    return answer;
  }
}
