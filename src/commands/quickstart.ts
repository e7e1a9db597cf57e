/** `gw quickstart`: a complete world on this machine, until Ctrl-C. */
import { boolean, integer, string } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { knownCaFile, profilePaths } from '../cli/profile/paths.js';

export default class Quickstart extends GwCommand {
  static override summary = 'Start a complete gateway on this machine to try everything with.';
  static override description =
    `Starts a PostgreSQL target filled with made-up bank data, an identity provider with three people and two machines, and the gateway between them. Everything listens on 127.0.0.1 only. Ctrl-C stops all of it; the data stays in the directory and is there at the next start. Configuration and policy in DIR/gateway are yours to edit.`;
  static override examples = [
    { description: 'Start it, and follow what it prints', command: '<%= config.bin %> quickstart' },
    { description: 'For a script: free ports, one line of JSON when ready', command: '<%= config.bin %> quickstart --dir ./world --port 0 --json' },
    { description: 'Watch the whole story with the real psql', command: '<%= config.bin %> quickstart --tour' },
    { description: 'Ten times the data', command: '<%= config.bin %> quickstart --dir ./big --scale 10' },
  ];

  static override flags = {
    dir: string({ summary: 'Directory of the world; a new one is made when it does not exist.', helpValue: 'DIR' }),
    port: integer({
      summary: "The gateway's TLS port; 0 takes free ports for everything. Default: what the directory used last, else 7443.",
      min: 0,
      max: 65_535,
      helpValue: 'N',
    }),
    scale: integer({ summary: 'Rows of the bank, as a multiple of 2,000 customers; fixed when the directory is made.', min: 1, max: 1_000, helpValue: 'N' }),
    tour: boolean({ summary: 'Play the story with the real psql, say what happened and why, and stop; exit code 0 only if all of it held.', default: false }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Quickstart);
    const paths = profilePaths(this.environment);
    const { runQuickstart } = await import('../quickstart/run-quickstart.js');
    process.exitCode = await runQuickstart({
      dir: flags.dir ?? null,
      port: flags.port ?? null,
      scale: flags.scale ?? null,
      json: this.jsonEnabled(),
      tour: flags.tour,
      trustFile: (gateway) => knownCaFile(paths, gateway),
    });
  }

  protected override logJson(): void {
    // The line of JSON went out when the world was ready; there is none at the end.
  }
}
