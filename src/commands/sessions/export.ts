/** `gw sessions export ID`: the whole record of a session, to keep or to hand on. */
import { string as stringArg } from '@oclif/core/args';
import { option, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { saveExport } from '../../cli/record/save-export.js';
import { say, visible } from '../../cli/terminal.js';
import { EXPORT_FORMATS } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';

interface ExportResult {
  readonly session: string;
  readonly format: string;
  readonly file: string | null;
  readonly bytes: number;
  readonly intact: boolean;
}

export default class SessionsExport extends GwCommand {
  static override summary = 'Export the whole record of a session.';
  static override description =
    'ndjson holds everything exactly as recorded, sql the statements with comments, asciicast a replay for asciinema. Ends with exit code 9 when the record is not intact.';
  static override examples = [
    { description: 'Everything that was recorded', command: '<%= config.bin %> sessions export ses_01hxyz > session.ndjson' },
    { description: 'The statements as a script', command: '<%= config.bin %> sessions export ses_01hxyz --format sql --file session.sql' },
    { description: 'A replay for asciinema', command: '<%= config.bin %> sessions export ses_01hxyz --format asciicast -o session.cast' },
  ];

  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls`.', required: true }) };
  static override flags = {
    format: option({ char: 'f', summary: 'Form of the export.', options: EXPORT_FORMATS, default: 'ndjson' as const })(),
    file: string({ char: 'o', summary: 'Write to this file, which appears when it is whole; stdout otherwise.', helpValue: 'FILE' }),
  };

  async run(): Promise<ExportResult> {
    const { args, flags } = await this.parse(SessionsExport);
    const file = flags.file ?? null;
    if (file === null && this.jsonEnabled()) throw new GwError('usage.invalid', 'With --json an export needs --file: stdout carries the answer.');
    const { client } = await this.connect(flags);
    const { bytes, end } = await saveExport(await client.exportSession(args.id, flags.format), file);
    const intact = end === 'intact';
    if (!intact) {
      say(`The record of ${visible(args.id)} is NOT INTACT: the last line of the export says what is wrong.`);
      process.exitCode = 9;
    } else if (file !== null && !this.jsonEnabled()) say(`Wrote ${bytes} bytes to ${visible(file)}.`);
    return { session: args.id, format: flags.format, file, bytes, intact };
  }
}
