/** `gw logout`: ends the login at the issuer, where it can be ended, and removes it from this machine. */
import { GwCommand } from '../cli/base-command.js';
import { type LogoutResult, logoutFlow } from '../cli/login/logout-flow.js';
import { say } from '../cli/terminal.js';

export default class Logout extends GwCommand {
  static override summary = 'Log out: revoke the login and remove it from this machine.';
  static override examples = [{ description: 'Log out', command: '<%= config.bin %> logout' }];

  async run(): Promise<LogoutResult> {
    const { flags } = await this.parse(Logout);
    const result = await logoutFlow(await this.reach(flags));
    if (!this.jsonEnabled())
      say(
        result.removed
          ? `Logged out of ${result.gateway}${result.revoked ? '; the identity provider revoked the login' : ''}.`
          : `There was no login for ${result.gateway}.`,
      );
    return result;
  }
}
