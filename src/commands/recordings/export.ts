/** `gw recordings export ID`: a recorded terminal as an asciicast. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { exportForUser } from '../../cli/record/export-for-user.js';
import { visible } from '../../cli/terminal.js';

interface ExportResult {
  readonly recording: string;
  readonly file: string | null;
  readonly bytes: number;
  readonly whole: boolean;
}

export default class RecordingsExport extends GwCommand {
  static override summary = 'Export an uploaded recording of a terminal for asciinema.';
  static override description = 'For whoever made it, and for auditors. Ends with exit code 9 when the recording is not whole.';
  static override examples = [{ description: 'Play it with asciinema', command: '<%= config.bin %> recordings export rec_01hxyz -o session.cast' }];
  static override args = { id: stringArg({ description: 'Id of the recording, from `gw recordings ls`.', required: true }) };
  static override flags = { file: string({ char: 'o', summary: 'Write to this file, which appears when it is whole; stdout otherwise.', helpValue: 'FILE' }) };

  async run(): Promise<ExportResult> {
    const { args, flags } = await this.parse(RecordingsExport);
    const file = flags.file ?? null;
    const broken = `The recording ${visible(args.id)} is NOT WHOLE: see \`gw recordings ls\`.`;
    const open = async (): Promise<AsyncIterable<Buffer>> => (await this.connect(flags)).client.exportRecording(args.id);
    const { bytes, intact } = await exportForUser(open, { file, json: this.jsonEnabled(), broken });
    return { recording: args.id, file, bytes, whole: intact };
  }
}
