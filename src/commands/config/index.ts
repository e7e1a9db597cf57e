/** `gw config`: the settings in force, and where each came from. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { type EffectiveSetting, effectiveSettings } from '../../cli/profile/effective-settings.js';

export default class Config extends GwCommand {
  static override summary = 'Show the settings in force, and where each comes from.';
  static override description = 'A flag beats the environment, which beats the project file (.gw.yaml), which beats your own settings.';
  static override examples = [
    { description: 'Show the settings', command: '<%= config.bin %> config' },
    { description: 'Set the gateway', command: '<%= config.bin %> config set gateway https://gw.example:8443' },
  ];

  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly settings: readonly EffectiveSetting[] }> {
    const { flags } = await this.parse(Config);
    const settings = effectiveSettings(await this.settings(flags), this.environment);
    const columns = [
      { name: 'setting', value: (row: EffectiveSetting) => row.setting },
      { name: 'value', value: (row: EffectiveSetting) => row.value },
      { name: 'source', value: (row: EffectiveSetting) => row.source },
    ];
    await this.printRows({ columns, rows: settings, whole: { settings }, empty: 'Nothing is set.' }, flags.output);
    return { settings };
  }
}
