/** `gw audit witness`: a second party cosigns what a log is, and only if it continues what it was. */
import { join } from 'node:path';
import { boolean, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { remoteLogs } from '../../cli/remote-logs.js';
import { requireCosigned } from '../../cli/require-cosigned.js';
import { sayMissingTimestamps } from '../../cli/say-missing-timestamps.js';
import { serveUntilStopped } from '../../cli/serve-until-stopped.js';
import { say, visible } from '../../cli/terminal.js';
import type { WitnessRun } from '../../gateway/audit-witness.js';

interface Flags {
  readonly state: string;
  readonly name: string;
  readonly key: readonly string[];
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
}

export default class AuditWitness extends GwCommand {
  static override summary = 'Cosign the audit log of a gateway, as a witness.';
  static override description =
    'Checks that each log continues what this witness cosigned before, and cosigns its checkpoint. Run it regularly, by somebody else than the owner of the gateway, with a state directory that the gateway cannot write; the first run makes a key there. Exit status 9 when a log was forked, put back or taken away: nothing of it is cosigned. With --listen it runs until it is stopped, and logs submit what they are (C2SP tlog-witness, add-checkpoint): logs of gw by `gw audit cosign`, and any others whose keys are given.';
  static override examples = [
    {
      description: 'Cosign over the network each hour, with the login of an auditor',
      command: '<%= config.bin %> audit witness --remote --state /var/lib/witness --key audit.pub',
    },
    { description: 'Cosign a copy each hour', command: '<%= config.bin %> audit witness --log /mirror/gateway --state /var/lib/witness --key audit.pub' },
    {
      description: 'Cosign what logs submit',
      command: '<%= config.bin %> audit witness --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --state /var/lib/witness --key audit.pub',
    },
    {
      description: 'Verify with what the witness saw',
      command: "<%= config.bin %> audit verify --from /mirror/gateway --key audit.pub --key witness.pub --checkpoint '/var/lib/witness/test%2F0.checkpoint'",
    },
  ];
  static override flags = {
    log: string({ summary: 'Data directory of the gateway, or a copy of its `log`.', default: '.', exclusive: ['remote', 'listen'], helpValue: 'DIR' }),
    listen: string({ summary: 'Take what logs submit, on this address.', exclusive: ['remote'], helpValue: 'HOST:PORT' }),
    'tls-cert': string({
      summary: 'Certificate of that address (PEM); without it plain HTTP, for a proxy in front.',
      dependsOn: ['listen', 'tls-key'],
      helpValue: 'FILE',
    }),
    'tls-key': string({ summary: 'Key of that certificate (PEM).', dependsOn: ['tls-cert'], helpValue: 'FILE' }),
    remote: boolean({ summary: 'Read the log from the gateway, as one of its auditors; a copy is kept in `mirror` of the state directory.' }),
    state: string({ summary: "The witness's own directory.", required: true, helpValue: 'DIR' }),
    key: string({ summary: 'File with public keys of the gateway, as `gw audit key` prints them.', multiple: true, required: true, helpValue: 'FILE' }),
    name: string({ summary: 'Name of the witness, in its key and signatures.', default: 'witness', helpValue: 'NAME' }),
  };

  async run(): Promise<WitnessRun> {
    const { flags } = await this.parse(AuditWitness);
    if (flags.listen !== undefined) return this.#serve(flags.listen, flags);
    const { runWitness } = await import('../../gateway/audit-witness.js');
    const run = await runWitness(flags.remote ? await this.#copy(flags, join(flags.state, 'mirror')) : flags.log, flags.state, flags.name, flags.key);
    requireCosigned(run.logs);
    this.print(run.key);
    return run;
  }

  async #serve(listen: string, { state, name, key, ...flags }: Flags): Promise<WitnessRun> {
    const { serveAsWitness } = await import('../../gateway/audit-witness.js');
    const tls = flags['tls-cert'] === undefined ? null : { certificate: flags['tls-cert'], key: flags['tls-key'] ?? '' };
    const onAnswer = ({ log, status, why }: { log: string; status: number; why: string }): void => say(`${status} ${visible(log)}: ${visible(why)}`);
    const served = await serveAsWitness(state, name, key, listen, { tls, onAnswer });
    say(`cosigning at ${served.url}`);
    this.print(served.key);
    await serveUntilStopped(served);
    return { key: served.key, logs: [] };
  }

  async #copy(flags: Parameters<GwCommand['connect']>[0], to: string): Promise<string> {
    const { mirrorLogs } = await import('../../gateway/mirror-logs.js');
    sayMissingTimestamps(await mirrorLogs(remoteLogs((await this.connect(flags)).client), to));
    return to;
  }
}
