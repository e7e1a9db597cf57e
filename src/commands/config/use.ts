/** `gw config use CONTEXT`. */
import { string as stringArg } from '@oclif/core/args';
import { GwCommand } from '../../cli/base-command.js';
import { type ContextData, useContext } from '../../cli/profile/change-settings.js';
import { say } from '../../cli/terminal.js';

export default class ConfigUse extends GwCommand {
  static override summary = 'Make a context the current one.';
  static override examples = [{ description: 'Switch to another gateway', command: '<%= config.bin %> config use test' }];
  static override args = { name: stringArg({ description: 'Name of the context.', required: true }) };

  async run(): Promise<ContextData> {
    const { args } = await this.parse(ConfigUse);
    const data = await useContext(this.environment, args.name);
    if (!this.jsonEnabled()) say(`Now using the context "${data.name}"${data.gateway === null ? '' : ` (${data.gateway})`}.`);
    return data;
  }
}
