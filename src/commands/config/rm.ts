/** `gw config rm CONTEXT`. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { type ContextData, removeContext } from '../../cli/profile/change-settings.js';
import { say } from '../../cli/terminal.js';

export default class ConfigRm extends GwCommand {
  static override summary = 'Remove a context. Its login stays; `gw logout` removes that.';
  static override examples = [{ description: 'Forget a gateway', command: '<%= config.bin %> config rm test' }];
  static override args = { name: stringArg({ description: 'Name of the context.', required: true }) };

  async run(): Promise<ContextData> {
    const { args } = await this.parse(ConfigRm);
    const data = await removeContext(this.environment, args.name);
    if (!this.jsonEnabled()) say(`Removed the context "${data.name}".`);
    return data;
  }
}
