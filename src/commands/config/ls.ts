/** `gw config ls`: the contexts. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { type ContextData, listContexts } from '../../cli/profile/change-settings.js';

export default class ConfigLs extends GwCommand {
  static override summary = 'List the contexts: one for each gateway that you use.';
  static override examples = [{ description: 'Show the contexts', command: '<%= config.bin %> config ls' }];
  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly contexts: readonly ContextData[] }> {
    const { flags } = await this.parse(ConfigLs);
    const contexts = await listContexts(this.environment);
    const columns = [
      { name: 'name', value: (context: ContextData) => context.name },
      { name: 'current', value: (context: ContextData) => context.current, show: (context: ContextData) => (context.current ? '*' : '') },
      { name: 'gateway', value: (context: ContextData) => context.gateway },
      { name: 'target', value: (context: ContextData) => context.target },
    ];
    await this.printRows(
      { columns, rows: contexts, whole: { contexts }, empty: 'No contexts yet; `gw login --gateway https://HOST:PORT` makes one.' },
      flags.output,
    );
    return { contexts };
  }
}
