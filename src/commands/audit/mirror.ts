/** `gw audit mirror`: a copy of the gateway's audit log, to be verified elsewhere. */
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { remoteLogs } from '../../cli/remote-logs.js';
import { sayMissingTimestamps } from '../../cli/say-missing-timestamps.js';
import { visible } from '../../cli/terminal.js';
import type { Mirrored } from '../../gateway/mirror-logs.js';

export default class AuditMirror extends GwCommand {
  static override summary = 'Copy the audit log of the gateway into a directory.';
  static override description =
    'For auditors of the gateway. Fetches what the copy does not have yet, as files of C2SP tlog-tiles, and the timestamps that its entries tell of. The copy never becomes shorter: when the gateway has less than the copy, exit status 9. Verify it with `gw audit verify --from DIR`. Reading entries is itself an entry (`log.read`).';
  static override examples = [
    { description: 'Keep a copy up to date', command: '<%= config.bin %> audit mirror --to /var/lib/gw-mirror' },
    { description: 'Verify it, without the gateway', command: '<%= config.bin %> audit verify --from /var/lib/gw-mirror --key audit.pub' },
  ];
  static override flags = { to: string({ summary: 'Directory of the copy; the logs lie in `log` below it.', required: true, helpValue: 'DIR' }) };

  async run(): Promise<{ readonly logs: readonly Mirrored[] }> {
    const { flags } = await this.parse(AuditMirror);
    const { client } = await this.connect(flags);
    const { mirrorLogs } = await import('../../gateway/mirror-logs.js');
    const logs = await mirrorLogs(remoteLogs(client), flags.to);
    for (const { log, size, added } of logs) this.print(`${visible(log)}: ${size} entries, ${added} new`);
    if (!this.jsonEnabled()) sayMissingTimestamps(logs);
    return { logs };
  }
}
