/** `gw recordings rm ID`: removes a recording from this machine. The gateway's copy stays. */
import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { spoolDirectory } from '../../cli/record/client-recorder.js';
import { finishedRecording, removeSpooled } from '../../cli/record/spool.js';
import { GwError } from '../../contract/gw-error.js';

export default class RecordingsRm extends GwCommand {
  static override summary = 'Remove a recording from this machine that was not uploaded.';
  static override description =
    'The session then shows it as missing, for good. Uploaded recordings are removed here by themselves; those of the gateway cannot be removed.';
  static override examples = [{ description: 'Give a recording up', command: '<%= config.bin %> recordings rm rec_01hxyz --force' }];
  static override args = { id: stringArg({ description: 'Id of the recording, from `gw recordings ls`.', required: true }) };
  static override flags = { force: boolean({ summary: 'Yes, though the gateway does not have it.', default: false }) };

  async run(): Promise<{ readonly removed: string }> {
    const { args, flags } = await this.parse(RecordingsRm);
    const spooled = await finishedRecording(spoolDirectory(await this.reach(flags)), args.id);
    if (!flags.force)
      throw new GwError('recording.local', `${spooled.id} was not uploaded: its session would show it as missing for good.`, {
        hint: `Upload it with \`gw recordings upload ${spooled.id}\`, or add --force.`,
      });
    await removeSpooled(spooled);
    this.print(`Removed ${spooled.id}.`);
    return { removed: spooled.id };
  }
}
