/** `gw audit prove`: one file that proves a session or one of its operations to somebody who has the public key alone. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { visible } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';
import type { SessionProof } from '../../gateway/session-proof.js';

export default class AuditProve extends GwCommand {
  static override summary = 'Write a proof of a session, or of one operation.';
  static override description =
    'The proof is one JSON document: entries of the journal and of the log with their paths to signed checkpoints. `gw audit verify FILE` checks it with the public key and nothing else. It holds the text of the operation, and nothing with which another one could be read. A session is provable when its journal segments are sealed.';
  static override examples = [
    { description: 'Prove operation 3 of a session', command: "<%= config.bin %> audit prove 'ses_01JX8#3' --from /backup/gateway > proof.json" },
    { description: 'Check it, anywhere', command: '<%= config.bin %> audit verify proof.json --key audit.pub' },
  ];
  static override args = { session: stringArg({ description: 'Session, or SESSION#OPERATION.', required: true }) };
  static override flags = {
    from: string({ summary: 'Data directory of the gateway, or a copy of its `log` and `journal`.', default: '.', helpValue: 'DIR' }),
    config: string({ summary: 'Configuration that names the keys of the journals; without it `journal-key` in the directory.', helpValue: 'FILE' }),
  };

  async run(): Promise<SessionProof> {
    const { args, flags } = await this.parse(AuditProve);
    const [, session, operation] = /^([^#]+)(?:#(\d{1,15}))?$/.exec(args.session) ?? [];
    if (session === undefined) throw new GwError('usage.invalid', `${visible(args.session)} is not SESSION or SESSION#OPERATION.`);
    const { proveSession } = await import('../../gateway/session-proof.js');
    const { journalKeyring } = await import('../../gateway/audit-workbench.js');
    const keys = await journalKeyring(flags.from, flags.config ?? null);
    const proof = await proveSession(flags.from, session, operation === undefined ? null : Number(operation), keys);
    if (!this.jsonEnabled()) this.logJson(proof);
    return proof;
  }
}
