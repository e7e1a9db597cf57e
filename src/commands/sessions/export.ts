/** `gw sessions export ID`: the whole record of a session, to keep or to hand on. */
import { string as stringArg } from '@oclif/core/args';
import { option, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { exportForUser } from '../../cli/record/export-for-user.js';
import { visible } from '../../cli/terminal.js';
import { EXPORT_FORMATS } from '../../contract/api-types.js';

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
    const broken = `The record of ${visible(args.id)} is NOT INTACT: the last line of the export says what is wrong.`;
    const open = async (): Promise<AsyncIterable<Buffer>> => (await this.connect(flags)).client.exportSession(args.id, flags.format);
    const { bytes, intact } = await exportForUser(open, { file, json: this.jsonEnabled(), broken });
    return { session: args.id, format: flags.format, file, bytes, intact };
  }
}
