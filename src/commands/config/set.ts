/** `gw config set KEY VALUE`. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { type ContextData, changeSetting } from '../../cli/profile/change-settings.js';
import { CONTEXT_KEYS } from '../../cli/profile/user-file.js';
import { say } from '../../cli/terminal.js';

export default class ConfigSet extends GwCommand {
  static override summary = 'Set the gateway or the default target of a context.';
  static override description = 'Changes the current context, or the one named with --context, which is made when there is none.';
  static override examples = [
    { description: 'Set the gateway', command: '<%= config.bin %> config set gateway https://gw.example:8443' },
    { description: 'Make a second context', command: '<%= config.bin %> config set gateway https://gw-test.example:8443 --context test' },
    { description: 'Set the default target', command: '<%= config.bin %> config set target bank-db' },
  ];

  static override args = {
    key: stringArg({ description: 'What to set.', required: true, options: [...CONTEXT_KEYS] }),
    value: stringArg({ description: 'The value.', required: true }),
  };

  async run(): Promise<ContextData> {
    const { args, flags } = await this.parse(ConfigSet);
    const data = await changeSetting(this.environment, flags.context, args.key, args.value);
    if (!this.jsonEnabled()) say(`Set ${args.key} of the context "${data.name}".`);
    return data;
  }
}
