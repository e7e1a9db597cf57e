/** `gw audit key`: the public keys of the audit log, for whoever will verify it. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';

export default class AuditKey extends GwCommand {
  static override summary = 'Print the public keys of the audit log.';
  static override description =
    'One line for each log and key, in the form of C2SP signed notes. Keep them where the gateway cannot write: whoever verifies needs them. Reads the signing key, and makes it when there is none yet.';
  static override examples = [{ description: 'Give them to the auditors', command: '<%= config.bin %> audit key --config gateway.yaml > audit.pub' }];
  static override flags = { config: string({ summary: 'Configuration of the gateway.', default: 'gateway.yaml', helpValue: 'FILE' }) };

  async run(): Promise<{ readonly keys: readonly string[] }> {
    const { flags } = await this.parse(AuditKey);
    const { auditKeys } = await import('../../gateway/audit-workbench.js');
    const keys = await auditKeys(flags.config);
    for (const key of keys) this.print(key);
    return { keys };
  }
}
