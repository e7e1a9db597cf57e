/** `gw sessions watch ID`: looks on while a session goes on. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { watchCast } from '../../cli/record/watch-cast.js';
import { say, visible, writeData } from '../../cli/terminal.js';

export default class SessionsWatch extends GwCommand {
  static override summary = 'Watch a session as it happens, until it ends.';
  static override description =
    'Shows what the session did so far, and then each operation with its result as soon as it is over; of a terminal what it shows now, and then what comes. Watching changes nothing in the session, and is itself recorded. End the session with `gw sessions kill`. Ends with exit code 9 when the record is not intact.';
  static override examples = [{ description: 'Watch a session', command: '<%= config.bin %> sessions watch ses_01hxyz' }];
  static override enableJsonFlag = false;
  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls --state live`.', required: true }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsWatch);
    const { client } = await this.connect(flags);
    if ((await watchCast(await client.watchSession(args.id), writeData)) === 'intact') return;
    say(`The record of ${visible(args.id)} is NOT INTACT: see \`gw sessions show\`.`);
    process.exitCode = 9;
  }
}
