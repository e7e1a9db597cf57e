/** `gw policy simulate`: what a candidate policy would have decided. */
import { string } from '@oclif/core/flags';
import { parseDuration } from '../../base/duration.js';
import { GwCommand } from '../../cli/base-command.js';
import { renderSimulation } from '../../cli/render/policy-text.js';
import { GwError } from '../../contract/gw-error.js';
import type { PolicySimulation } from '../../contract/policy-types.js';

export default class PolicySimulate extends GwCommand {
  static override summary = 'Replay recorded operations and sessions against a candidate policy.';
  static override description =
    'The gateway decides every recorded operation again, at its time and for its subject, and every session that began since then as the account that it had, and shows each decision that would change. Nothing is run. Claims are not recorded: conditions on claims may come out otherwise. For auditors and admins; on the record.';
  static override examples = [
    { description: 'The last thirty days', command: '<%= config.bin %> policy simulate --policy proposed/bank.yaml --since 30d' },
    {
      description: 'Whose account would be refused, or asked for',
      command: "<%= config.bin %> policy simulate --policy proposed/bank.yaml --json | jq '.connections.groups'",
    },
    { description: 'In CI', command: "<%= config.bin %> policy simulate --policy 'policy/*.yaml' --since 7d --json" },
  ];
  static override flags = {
    policy: string({ summary: 'Files of the candidate.', required: true, multiple: true, helpValue: 'FILE' }),
    since: string({ summary: 'How far back: a duration such as 30d, or a time.', default: '30d', helpValue: 'TIME' }),
  };

  async run(): Promise<PolicySimulation> {
    const { flags } = await this.parse(PolicySimulate);
    const { client, clock } = await this.connect(flags);
    const ago = parseDuration(flags.since);
    const since = ago === null ? Date.parse(flags.since) : clock.now() - ago;
    if (Number.isNaN(since))
      throw new GwError('usage.invalid', `--since ${flags.since} is neither a duration such as 30d nor a time such as 2026-11-01T00:00:00Z.`);
    const { policyTexts } = await import('../../gateway/policy-workbench.js');
    const answer = await client.simulatePolicy(await policyTexts(flags.policy), new Date(since).toISOString());
    this.print(renderSimulation(answer).trimEnd());
    return answer;
  }
}
