/** `gw audit cosign`: shows the audit log to a witness of somebody else, and keeps what it cosigned. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { requireCosigned } from '../../cli/require-cosigned.js';
import { visible } from '../../cli/terminal.js';
import type { Submitted } from '../../gateway/witness-client.js';

export default class AuditCosign extends GwCommand {
  static override summary = 'Have the audit log cosigned by a witness elsewhere.';
  static override description =
    'Submits the checkpoint of each log to a witness that speaks C2SP tlog-witness (`gw audit witness --listen`, or any other), with the proof that it continues what the witness saw before, and keeps the cosigned checkpoints. Run it regularly. Exit status 9 when the witness has seen another history, or does not know the log.';
  static override examples = [
    {
      description: 'Have the logs cosigned each hour',
      command: '<%= config.bin %> audit cosign --log /var/lib/gw --witness https://witness.example --witness-key witness.pub --to /var/lib/gw-cosigned',
    },
    {
      description: 'Verify with what came back',
      command: "<%= config.bin %> audit verify --from /var/lib/gw --key audit.pub --key witness.pub --checkpoint '/var/lib/gw-cosigned/test%2F0.checkpoint'",
    },
  ];
  static override flags = {
    log: string({ summary: 'Data directory of the gateway, or a copy of its `log`.', default: '.', helpValue: 'DIR' }),
    witness: string({ summary: 'Submission prefix of the witness; `/add-checkpoint` is appended.', required: true, helpValue: 'URL' }),
    'witness-key': string({ summary: 'File with the public key of the witness, NAME+HASH+BASE64.', required: true, helpValue: 'FILE' }),
    to: string({ summary: 'Directory of the cosigned checkpoints.', required: true, helpValue: 'DIR' }),
  };

  async run(): Promise<{ readonly logs: readonly Submitted[] }> {
    const { flags } = await this.parse(AuditCosign);
    const { submitLogs } = await import('../../gateway/witness-client.js');
    const logs = await submitLogs(flags.log, flags.witness, flags['witness-key'], flags.to);
    requireCosigned(logs);
    for (const { log, size } of logs) this.print(`${visible(log)}: ${size} entries cosigned`);
    return { logs };
  }
}
