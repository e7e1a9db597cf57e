/** `gw retention run`: ends now what is over; the gateway does it by itself every hour. */
import { boolean } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { reportText } from '../../cli/render/retention-text.js';
import { say, visible } from '../../cli/terminal.js';
import type { RetentionReport } from '../../contract/retention.js';

export default class RetentionRun extends GwCommand {
  static override summary = 'End records whose time is over, now.';
  static override description =
    'The gateway does it by itself every hour. For administrators. What a legal hold covers stays. With --dry-run it says what would end, session by session, and ends nothing.';
  static override examples = [
    { description: 'See what would end', command: '<%= config.bin %> retention run --dry-run' },
    { description: 'End it', command: '<%= config.bin %> retention run' },
  ];

  static override flags = { 'dry-run': boolean({ summary: 'Say what would end, and end nothing.' }) };

  async run(): Promise<RetentionReport> {
    const { flags } = await this.parse(RetentionRun);
    const { client } = await this.connect(flags);
    const report = await client.recordKeeping.runRetention(flags['dry-run']);
    if (this.jsonEnabled()) return report;
    for (const { session, target, endedAt } of report.expired) this.print(`${visible(session)}\t${visible(target)}\t${visible(endedAt)}`);
    say(reportText(report));
    return report;
  }
}
