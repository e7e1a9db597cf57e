/** `gw audit sinks`: how far each sink of the audit log is, and what is wrong with it. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { sinkColumns } from '../../cli/render/sink-columns.js';
import type { SinkList } from '../../contract/api-types.js';

export default class AuditSinks extends GwCommand {
  static override summary = 'Show how far each sink of the audit log is.';
  static override description =
    'For admins and auditors of the gateway. What a sink does not have yet waits in the log, and none of it is lost. Ends with exit code 75 while a sink fails, or while an entry waits for longer than its alarm.';
  static override examples = [{ description: 'Is every sink up to date?', command: '<%= config.bin %> audit sinks' }];
  static override flags = { ...outputFlag };

  async run(): Promise<SinkList> {
    const { flags } = await this.parse(AuditSinks);
    const { client, clock } = await this.connect(flags);
    const sinks = await client.sinks();
    await this.printRows({ columns: sinkColumns(clock.now()), rows: sinks, whole: { sinks }, empty: 'No sinks are configured.' }, flags.output);
    if (sinks.some(({ state }) => state !== 'ok')) process.exitCode = 75;
    return { sinks };
  }
}
