/** `gw gateway start`: runs the gateway until it is told to end. SIGHUP reads the configuration again. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { say, writeData } from '../../cli/terminal.js';

export default class GatewayStart extends GwCommand {
  static override summary = 'Run the gateway until it is stopped.';
  static override description =
    'Prints one line when it is ready. SIGTERM or Ctrl-C drains it: no new sessions, live ones get the configured drain timeout; a second signal ends them at once. SIGHUP reads configuration, policy and certificate again.';
  static override examples = [
    { description: 'Run a gateway', command: '<%= config.bin %> gateway start --config gateway.yaml' },
    { description: 'For scripts: one line of JSON when ready', command: '<%= config.bin %> gateway start --config gateway.yaml --json' },
  ];
  static override flags = { config: string({ summary: 'Configuration of the gateway.', default: 'gateway.yaml', helpValue: 'FILE' }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(GatewayStart);
    const { startGateway } = await import('../../gateway/index.js');
    // Signals that come while the gateway starts must not leave half of it behind.
    let stop: (deadlineMs?: number) => void = () => {
      early = true;
    };
    let reload: () => void = () => undefined;
    let early = false;
    process.on('SIGTERM', () => stop());
    process.on('SIGINT', () => stop());
    process.on('SIGHUP', () => reload());
    const gateway = await startGateway({ configFile: flags.config });
    const { url, native, pid } = gateway;
    if (this.jsonEnabled()) writeData(`${JSON.stringify({ ready: true, gateway: url, native, pid })}\n`);
    else
      writeData(
        `gateway ready at ${url}${Object.entries(native)
          .map(([protocol, address]) => `, ${protocol} on ${address}`)
          .join('')}\n`,
      );
    reload = () => void gateway.reload();
    await new Promise<void>((resolve, reject) => {
      let asked = false;
      stop = (deadlineMs) => {
        if (asked) say('ending sessions now');
        gateway.stop(asked ? 0 : deadlineMs).then(resolve, reject);
        asked = true;
      };
      if (early) stop();
    });
  }

  protected override logJson(): void {
    // The one line of `--json` was printed when the gateway was ready; its end has nothing to add.
  }
}
