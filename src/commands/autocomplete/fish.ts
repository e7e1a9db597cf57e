/** `gw autocomplete fish`: bash and zsh are completed by oclif's own `gw autocomplete`. */
import { GwCommand } from '../../cli/base-command.js';
import { fishCompletion } from '../../cli/render/fish-completion.js';

export default class AutocompleteFish extends GwCommand {
  static override summary = 'Print completion for fish.';
  static override description = 'For bash and zsh, `gw autocomplete` says what to do. Nothing is asked over the network when a word is completed.';
  static override examples = [{ description: 'Complete gw in fish', command: '<%= config.bin %> autocomplete fish > ~/.config/fish/completions/gw.fish' }];

  async run(): Promise<{ readonly script: string }> {
    await this.parse(AutocompleteFish);
    const script = fishCompletion(this.config.commands, this.config.topics);
    this.print(script);
    return { script };
  }
}
