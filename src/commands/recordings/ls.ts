/** `gw recordings ls`: recordings of terminals, here and at the gateway. */
import { integer } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { spoolDirectory } from '../../cli/record/client-recorder.js';
import { listSpool } from '../../cli/record/spool.js';
import { type ListedRecording, listRecordings, recordingColumns } from '../../cli/render/recording-columns.js';

export default class RecordingsLs extends GwCommand {
  static override summary = 'List recordings of terminals: those that wait here, and those that the gateway has.';
  static override description = 'Auditors and administrators see those of everybody at the gateway.';
  static override examples = [{ description: 'What is here and what was uploaded', command: '<%= config.bin %> recordings ls' }];
  static override flags = { ...outputFlag, limit: integer({ summary: 'At most so many of the gateway.', default: 100, min: 1, max: 1000 }) };

  async run(): Promise<{ readonly recordings: readonly ListedRecording[] }> {
    const { flags } = await this.parse(RecordingsLs);
    const connection = await this.connect(flags);
    const recordings = listRecordings(await listSpool(spoolDirectory(connection)), await connection.client.recordings({ limit: flags.limit }));
    const whole = { recordings };
    await this.printRows({ columns: recordingColumns(connection.clock.now()), rows: recordings, whole, empty: 'No recordings.' }, flags.output);
    return whole;
  }
}
