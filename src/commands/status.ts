/** `gw status`, also called `gw whoami`: gateway, reachability, who you are, until when, and as which accounts at the targets. */
import { systemClock } from '../base/clock.js';
import { GwCommand } from '../cli/base-command.js';
import { renderStatus } from '../cli/render/status-text.js';
import { readStatus, type Status } from '../cli/status.js';

export default class StatusCommand extends GwCommand {
  static override summary = 'Show who you are, at which gateway, until when, and as which accounts at the targets.';
  static override hiddenAliases = ['whoami'];
  static override description =
    'Ends with exit code 4 when there is no valid login and 8 when the gateway cannot be reached; the state is printed in any case. Accounts are listed where policy names some; `(own)` is the one of the gateway’s configuration.';
  static override examples = [
    { description: 'Show the state', command: '<%= config.bin %> status' },
    {
      description: 'As whom a target can be opened',
      command: '<%= config.bin %> status --json | jq \'.targets[] | select(.name == "web-1") | .accounts\'',
    },
    { description: 'Log in only if needed', command: '<%= config.bin %> status > /dev/null || <%= config.bin %> login' },
  ];

  async run(): Promise<Status> {
    const { flags } = await this.parse(StatusCommand);
    const { status, exit } = await readStatus(await this.settings(flags), this.environment, this.userAgent, 'accounts');
    this.print(renderStatus(status, systemClock.now()));
    process.exitCode = exit;
    return status;
  }
}
