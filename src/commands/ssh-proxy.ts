/** `gw ssh-proxy HOST`: what `gw ssh-config` makes ssh start for a connection. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../cli/base-command.js';
import { askingFlags, askingTerms, withWait } from '../cli/native-client/asking-flags.js';
import { splitLine } from '../cli/native-client/command-line.js';
import { endingFlag } from '../cli/native-client/host-ending.js';
import { keptPortKey } from '../cli/native-client/kept-port-key.js';
import { pipeTarget } from '../cli/native-client/pipe-target.js';

export default class SshProxy extends GwCommand {
  static override hidden = true;
  static override summary = 'Connect ssh to a target on standard input and output.';
  static override description =
    'Started by ssh as its ProxyCommand, as `gw ssh-config` writes it. The name of the target may have the ending of the configuration.';
  static override examples = [{ description: 'As ssh starts it', command: '<%= config.bin %> ssh-proxy web-1.gw' }];
  static override enableJsonFlag = false;

  static override args = { host: stringArg({ description: 'Target, with or without the ending of the configuration.', required: true }) };
  static override flags = { ...askingFlags, ending: endingFlag({ summary: 'Ending of the configuration.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SshProxy, withWait(splitLine(this.argv).own));
    const connection = await this.connect(flags);
    const { secret } = await keptPortKey(connection);
    const ending = `.${flags.ending}`;
    const target = args.host.endsWith(ending) ? args.host.slice(0, -ending.length) : args.host;
    await pipeTarget({ connection, target, secret, terms: askingTerms(flags), purpose: `${this.userAgent} ssh-proxy` });
  }
}
