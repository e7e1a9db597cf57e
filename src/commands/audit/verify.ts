/** `gw audit verify`: do logs and journals, or one proof, verify out of files and public keys alone. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { counted } from '../../base/counted.js';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { visible } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';
import type { Verification } from '../../gateway/audit-workbench.js';
import type { ProvedSession } from '../../gateway/session-proof.js';

export default class AuditVerify extends GwCommand {
  static override summary = 'Verify the audit log and the journals of a gateway, offline.';
  static override description =
    'Checks every entry, tile, signature and session, and every journal segment against the log, and says which claim failed. Needs files and public keys, no gateway. Exit status 9 when something is wrong.';
  static override examples = [
    { description: 'Verify a copy with the key that you kept', command: '<%= config.bin %> audit verify --from copy --key audit.pub' },
    {
      description: 'Verify that nothing was rolled back since',
      command: '<%= config.bin %> audit verify --from copy --key audit.pub --checkpoint last-year.checkpoint',
    },
  ];
  static override args = { proof: stringArg({ description: 'A file of `gw audit prove`, to be checked alone.' }) };
  static override flags = {
    from: string({ summary: 'Data directory of the gateway, or a copy of its `log` and `journal`.', default: '.', helpValue: 'DIR' }),
    key: string({ summary: 'File with public keys, as `gw audit key` prints them.', multiple: true, default: [], helpValue: 'FILE' }),
    checkpoint: string({ summary: 'A checkpoint that was kept: the log must continue it.', multiple: true, default: [], helpValue: 'FILE' }),
    authority: string({
      summary: 'Certificates of a timestamp authority that you trust (PEM): timestamps must lead to one.',
      multiple: true,
      default: [],
      helpValue: 'FILE',
    }),
    at: string({ summary: 'When the copy was made, if not now (RFC 3339).', helpValue: 'TIME' }),
  };

  async run(): Promise<Verification | ProvedSession> {
    const { args, flags } = await this.parse(AuditVerify);
    const at = flags.at === undefined ? null : Date.parse(flags.at);
    if (Number.isNaN(at)) throw new GwError('usage.invalid', `--at ${visible(flags.at ?? '')} is not a time.`, { hint: 'Give it like 2026-03-01T12:00:00Z.' });
    if (args.proof !== undefined) return this.#proof(args.proof, flags.from, flags.key);
    const { verifyAudit } = await import('../../gateway/audit-workbench.js');
    const found = await verifyAudit({ from: flags.from, keyFiles: flags.key, checkpointFiles: flags.checkpoint, authorityFiles: flags.authority, at });
    if (!this.jsonEnabled()) for (const notice of found.notices) sayWarning(notice);
    if (!found.intact) {
      const lines = found.problems.map(
        ({ claim, log, index, message }) => `${claim}: ${visible(log)}${index === null ? '' : ` entry ${index}`}: ${visible(message)}`,
      );
      throw new GwError('audit.invalid', lines.join('\n'), {
        detail: { problems: found.problems.length, claims: [...new Set(found.problems.map(({ claim }) => claim))].join(' ') },
      });
    }
    for (const { log, size, first, root, pending, timestamps } of found.logs)
      this.print(
        `${visible(log)} verifies: ${size} entries${first > 0 ? `, kept from ${first} on (the log was pruned)` : ''}, root ${root}${timestamps > 0 ? `, ${timestamps} timestamps` : ''}${pending > 0 ? `, ${pending} not signed yet` : ''}`,
      );
    if (found.logs.length > 1) this.print(`root over ${found.logs.length} logs ${found.rootOverLogs ?? ''}`);
    const { sessions, segments, journals, ended } = found;
    this.print(`${counted(sessions, 'session')}, ${counted(segments, 'journal segment')} in the log, ${counted(journals, 'journal')} compared`);
    const [contents, deleted] = [counted(ended.erased + ended.expired, 'session'), counted(ended.segments, 'journal segment')];
    if (ended.erased + ended.expired + ended.segments > 0)
      this.print(`ended in order: the content of ${contents} (${ended.erased} erased, ${ended.expired} expired), ${deleted}`);
    return found;
  }

  async #proof(file: string, from: string, keyFiles: readonly string[]): Promise<ProvedSession> {
    const { verifyProof } = await import('../../gateway/audit-workbench.js');
    const proved = await verifyProof(file, { from, keyFiles });
    const { session, operation, subject, issuer, target, startedAt, endedAt, reason, statement, outcome, checkpoints } = proved;
    this.print(`${visible(session)} is in ${visible(checkpoints.join(', '))}: ${visible(subject)} (${visible(issuer)}) on ${visible(target)}`);
    this.print(`from ${startedAt}${endedAt === null ? ', no end yet' : ` to ${endedAt} (${visible(reason ?? '')})`}`);
    if (operation !== null)
      this.print(
        `operation ${operation}: ${visible(outcome ?? 'no outcome')}\n${statement === null ? 'The proof does not disclose its text.' : visible(statement)}`,
      );
    return proved;
  }
}
