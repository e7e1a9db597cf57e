/** `gw version`: versions of gw, of the runtime, and of the gateway when it can be asked. */
import { GwCommand } from '../cli/base-command.js';
import { readGatewayVersion } from '../cli/status.js';

interface Versions {
  readonly gw: string;
  readonly node: string;
  readonly platform: string;
  readonly gateway: string | null;
}

export default class Version extends GwCommand {
  static override summary = 'Show the versions of gw and of the gateway.';
  static override examples = [{ description: 'Show the versions', command: '<%= config.bin %> version' }];

  async run(): Promise<Versions> {
    const { flags } = await this.parse(Version);
    const gateway = await readGatewayVersion(await this.settings(flags), this.environment, this.userAgent);
    const versions = { gw: this.config.version, node: process.version, platform: `${process.platform}-${process.arch}`, gateway };
    this.print(`gw ${versions.gw} (node ${versions.node}, ${versions.platform})${gateway === null ? '' : `\ngateway ${gateway}`}`);
    return versions;
  }
}
