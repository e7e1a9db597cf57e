/** `gw evidence verify`: is a pack what a gateway made, and do its tables say what its logs and journals say. */
import { directory } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { Progress } from '../../cli/progress.js';
import { visible } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';
import type { PackVerification } from '../../evidence/index.js';

export default class EvidenceVerify extends GwCommand {
  static override summary = 'Verify an evidence pack, offline.';
  static override description =
    'Checks signature and files, the logs, and the journals against the logs, and makes every table, report and record anew out of them to compare. Needs no gateway. Exit status 9 when something is wrong.';
  static override examples = [
    { description: 'Verify with the key that you kept', command: '<%= config.bin %> evidence verify pack --key audit.pub' },
    { description: 'Verify that the log was not written anew', command: '<%= config.bin %> evidence verify pack --key audit.pub --checkpoint kept.checkpoint' },
  ];
  static override args = { pack: directory({ description: 'Directory of the pack.', required: true }) };
  static override flags = {
    key: string({ summary: 'File with public keys, as `gw audit key` prints them.', multiple: true, default: [], helpValue: 'FILE' }),
    checkpoint: string({
      summary: 'A checkpoint of a log that was kept: the log in the pack must continue it.',
      multiple: true,
      default: [],
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<PackVerification> {
    const { args, flags } = await this.parse(EvidenceVerify);
    const { verifyEvidence } = await import('../../gateway/evidence-workbench.js');
    const progress = new Progress();
    const found = await verifyEvidence({ pack: args.pack, keyFiles: flags.key, checkpointFiles: flags.checkpoint }, (what, part) =>
      progress.tell(what, part),
    ).finally(() => progress.end());
    if (!this.jsonEnabled()) for (const notice of found.notices) sayWarning(notice);
    if (found.problems.length > 0) {
      throw new GwError('evidence.invalid', found.problems.map(({ claim, message }) => `${claim}: ${visible(message)}`).join('\n'), {
        detail: { problems: found.problems.length, claims: [...new Set(found.problems.map(({ claim }) => claim))].join(' ') },
      });
    }
    const about = found.session === null ? 'all sessions' : `session ${visible(found.session)}`;
    this.print(`The pack of ${visible(found.gateway)}, ${found.from} to ${found.to}, ${about}, verifies: ${found.files} files.`);
    for (const { log, size, root } of found.logs) this.print(`${visible(log)}: ${size} entries, root ${root}`);
    if (!this.jsonEnabled()) for (const { id, claim, detail } of found.findings) sayWarning(`Finding ${id}: ${claim}: ${visible(detail)}`);
    return found;
  }
}
