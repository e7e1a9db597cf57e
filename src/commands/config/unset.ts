/** `gw config unset KEY`. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { type ContextData, changeSetting } from '../../cli/profile/change-settings.js';
import { CONTEXT_KEYS } from '../../cli/profile/user-file.js';
import { say } from '../../cli/terminal.js';

export default class ConfigUnset extends GwCommand {
  static override summary = 'Remove the gateway or the default target of a context.';
  static override examples = [{ description: 'Have no default target', command: '<%= config.bin %> config unset target' }];
  static override args = { key: stringArg({ description: 'What to remove.', required: true, options: [...CONTEXT_KEYS] }) };

  async run(): Promise<ContextData> {
    const { args, flags } = await this.parse(ConfigUnset);
    const data = await changeSetting(this.environment, flags.context, args.key, null);
    if (!this.jsonEnabled()) say(`Removed ${args.key} of the context "${data.name}".`);
    return data;
  }
}
