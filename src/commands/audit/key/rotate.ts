/** `gw audit key rotate`: a new key signs the audit log, and the old one says so. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../../cli/base-command.js';

export default class AuditKeyRotate extends GwCommand {
  static override summary = 'Put a new key in the place of the one that signs the audit log.';
  static override description =
    'Old and new key sign a statement, `log/rotation.N`, which leads whoever knows the old key to the new one; from then on a checkpoint that only the old key signed fails. Of the key that the gateway keeps itself, a new one is made and the old one is gone. With `audit.keys`, put the new key first and leave the old one behind it before you run this. A gateway that runs takes the new key with its next heartbeat.';
  static override examples = [
    {
      description: 'Replace the key, and give its public side to the auditors',
      command: '<%= config.bin %> audit key rotate && <%= config.bin %> audit key > audit.pub',
    },
  ];
  static override flags = { config: string({ summary: 'Configuration of the gateway.', default: 'gateway.yaml', helpValue: 'FILE' }) };

  async run(): Promise<{ readonly rotation: number }> {
    const { flags } = await this.parse(AuditKeyRotate);
    const { rotateKey } = await import('../../../gateway/rotate-key.js');
    const rotation = await rotateKey(flags.config);
    this.print(`The signing key of the audit log was replaced (rotation ${rotation}).`);
    return { rotation };
  }
}
