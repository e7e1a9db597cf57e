/** `gw recordings upload`: brings what waits on this machine to the gateway. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { spoolDirectory } from '../../cli/record/client-recorder.js';
import { finishedRecording, listSpool } from '../../cli/record/spool.js';
import { isOfOneRecording, uploadRecording } from '../../cli/record/upload-recordings.js';
import type { ClientRecording } from '../../contract/api-types.js';
import { type ContentVerdict, contentVerdict } from '../../contract/client-recording.js';
import { GwError } from '../../contract/gw-error.js';

const CONTENT: Readonly<Record<ContentVerdict, string>> = {
  agrees: "agrees with the gateway's record",
  'agrees in part': "agrees with the gateway's record, as far as it can be compared",
  'not compared': "names the same sessions as the gateway's record; content not compared",
  differs: 'differs',
};

export default class RecordingsUpload extends GwCommand {
  static override summary = 'Upload recordings that wait on this machine.';
  static override description =
    'An upload that was cut off goes on from where it stopped. What the gateway has as a whole is removed here. Recordings that are still being made are left alone, and one that the gateway does not take keeps no other one back.';
  static override examples = [{ description: 'Everything that waits', command: '<%= config.bin %> recordings upload' }];
  static override args = { id: stringArg({ description: 'Id of one recording, from `gw recordings ls`; all that wait when left out.' }) };

  async run(): Promise<{ readonly uploaded: readonly ClientRecording[] }> {
    const { args, flags } = await this.parse(RecordingsUpload);
    const connection = await this.connect(flags);
    const dir = spoolDirectory(connection);
    const wanted = args.id === undefined ? (await listSpool(dir)).filter(({ live }) => !live) : [await finishedRecording(dir, args.id)];
    const uploaded: ClientRecording[] = [];
    const failed: string[] = [];
    for (const spooled of wanted) {
      let recording: ClientRecording;
      try {
        recording = await uploadRecording(spooled, connection.client);
      } catch (thrown) {
        const error = GwError.from(thrown);
        if (args.id !== undefined || !isOfOneRecording(error)) throw error;
        sayWarning(`The recording ${spooled.id} was not taken: ${error.message}`);
        failed.push(spooled.id);
        continue;
      }
      uploaded.push(recording);
      this.print(
        `${recording.id} ${recording.state}; ${recording.problems.length === 0 ? CONTENT[contentVerdict(recording)] : `differs: ${recording.problems.join('; ')}`}`,
      );
    }
    if (failed.length > 0)
      throw new GwError('recording.upload', `Not uploaded: ${failed.join(', ')}. Of ${wanted.length} that wait the others were.`, {
        hint: '`gw recordings rm ID --force` gives one up that the gateway will never take: its session then shows a gap for good.',
        detail: { failed: failed.length, uploaded: uploaded.length },
      });
    if (uploaded.length === 0) this.print('Nothing waits here.');
    return { uploaded };
  }
}
