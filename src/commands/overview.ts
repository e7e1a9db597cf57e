/** `gw` alone: who you are, what of yours is live, and three next steps. Works without a login and without any settings. */
import { systemClock } from '../base/clock.js';
import { GwCommand } from '../cli/base-command.js';
import { type NextStep, nextSteps, renderOverview } from '../cli/render/status-text.js';
import { readStatus, type Status } from '../cli/status.js';
import type { SessionSummary } from '../contract/api-types.js';

export default class Overview extends GwCommand {
  static override examples = [{ description: 'Show it', command: '<%= config.bin %>' }];
  static override summary = 'Show who you are, your live sessions and what to do next; the same as `gw` alone.';
  static override hidden = true;

  async run(): Promise<Status & { readonly sessions: readonly SessionSummary[]; readonly waiting: number; readonly next: readonly NextStep[] }> {
    const { flags } = await this.parse(Overview);
    const report = await readStatus(await this.settings(flags), this.environment, this.userAgent, 'sessions');
    this.print(renderOverview(report, systemClock.now()));
    return { ...report.status, sessions: report.sessions, waiting: report.waiting, next: nextSteps(report) };
  }
}
