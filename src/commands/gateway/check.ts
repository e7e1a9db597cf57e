/** `gw gateway check`: validates a configuration and the policy that it names, with positions. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { visible } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';

interface CheckResult {
  readonly valid: true;
  readonly gateway: string;
  readonly targets: number;
  readonly issuers: number;
  readonly policy: string;
  readonly rules: number;
  readonly warnings: readonly string[];
}

export default class GatewayCheck extends GwCommand {
  static override summary = 'Validate a gateway configuration and its policy.';
  static override description =
    'Reports every problem with file, line and column. Exit status 2 when the gateway would not start. Reads no secret and opens no connection.';
  static override examples = [{ description: 'Validate before a restart or in CI', command: '<%= config.bin %> gateway check --config gateway.yaml' }];
  static override flags = { config: string({ summary: 'Configuration of the gateway.', default: 'gateway.yaml', helpValue: 'FILE' }) };

  async run(): Promise<CheckResult> {
    const { flags } = await this.parse(GatewayCheck);
    const { checkGateway } = await import('../../gateway/check-gateway.js');
    const { errors, warnings, summary } = await checkGateway(flags.config);
    if (!this.jsonEnabled()) for (const warning of warnings) sayWarning(warning);
    if (summary === null) {
      throw new GwError('config.invalid', errors.join('\n'), { detail: { file: flags.config, problems: errors.length, warnings: warnings.length } });
    }
    this.print(`${visible(flags.config)} is valid: gateway ${summary.gateway}, targets ${summary.targets}, issuers ${summary.issuers}, rules ${summary.rules}`);
    this.print(`policy ${summary.policy}`);
    return { valid: true, ...summary, warnings };
  }
}
