/** A short way to connect, `gw PROGRAM TARGET -- …`, for targets whose native client is that program. Each such command names its program and says what it is. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../base-command.js';
import { askingFlags, askingTerms, withWait } from './asking-flags.js';
import { splitLine } from './command-line.js';
import { connectTarget, targetOf } from './connect-target.js';

export abstract class ClientCommand extends GwCommand {
  static override args = { target: stringArg({ description: 'Target to connect to; the default target of the settings when left out.' }) };
  static override flags = { ...askingFlags };

  /** Name of the native client, and of the command. */
  protected abstract readonly program: string;

  async run(): Promise<void> {
    const { own, rest } = splitLine(this.argv);
    const { args, flags } = await this.parse(ClientCommand, withWait(own));
    const connection = await this.connect(flags);
    this.exit(
      await connectTarget({
        connection,
        target: targetOf(args.target, connection, this.program),
        args: rest ?? [],
        terms: askingTerms(flags),
        record: flags.record,
        userAgent: this.userAgent,
        listen: null,
        program: this.program,
      }),
    );
  }
}
