/** `gw evidence export`: one directory that shows an examiner what happened in a period, and that anyone can verify. */
import { integer, option, string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { momentOf } from '../../cli/evidence/period.js';
import { savePack } from '../../cli/evidence/save-pack.js';
import { sayWarning } from '../../cli/failure.js';
import { Progress } from '../../cli/progress.js';
import { visible } from '../../cli/terminal.js';
import { EVIDENCE_FRAMEWORKS, type EvidenceExport } from '../../contract/evidence-types.js';
import { GwError } from '../../contract/gw-error.js';

const DAY = 86_400_000;

export default class EvidenceExportCommand extends GwCommand {
  static override summary = 'Export evidence of a period, or of one session, as a pack that anyone can verify.';
  static override description =
    'Writes sections E01 to E16 as tables with their queries, counts and checks, a crosswalk to controls, OSCAL assessment results, a report to read and print, records and replays of a sample of sessions, and the part of logs and journals that proves all of it. The same closed period gives the same bytes. The gateway makes the pack, for auditors, and records that it did; with --data it is made out of the files of a gateway, offline.';
  static override examples = [
    {
      description: 'A quarter, for an FFIEC examination',
      command: '<%= config.bin %> evidence export --framework ffiec --from 2026-07-01 --to 2026-10-01 -o pack',
    },
    { description: 'One session', command: '<%= config.bin %> evidence export --session ses_01JX8 -o pack' },
    { description: 'Out of a copy of the data directory', command: '<%= config.bin %> evidence export --data copy --from 2026-07-01 --to 2026-10-01 -o pack' },
  ];
  static override flags = {
    out: string({ char: 'o', summary: 'Directory to write; it must not exist yet.', required: true, helpValue: 'DIR' }),
    framework: option({ summary: 'What the objectives and findings are of.', options: EVIDENCE_FRAMEWORKS, default: 'ffiec' as const })(),
    from: string({ summary: 'Begin of the period: a day (UTC) or RFC 3339; a year ago by default, of a session its begin.', helpValue: 'TIME' }),
    to: string({ summary: 'End of the period, not in it; as late as possible by default.', helpValue: 'TIME' }),
    session: string({ summary: 'Only this session.', helpValue: 'ID' }),
    sample: integer({ summary: 'Items to draw from each population.', default: 25, min: 1, max: 1_000 }),
    nonce: string({ summary: 'Word of the examiner that goes into the draw, so that nobody can foresee it.', default: '', helpValue: 'WORD' }),
    data: string({ summary: 'Make the pack out of this data directory, or a copy of it, without a gateway.', helpValue: 'DIR' }),
    'signing-key': string({ summary: 'With --data: file with the key that signs, if it is not `audit-key` there.', helpValue: 'FILE', dependsOn: ['data'] }),
  };

  async run(): Promise<EvidenceExport> {
    const { flags } = await this.parse(EvidenceExportCommand);
    const yearAgo = Math.floor(Date.now() / DAY) * DAY - 365 * DAY;
    const scope = {
      framework: flags.framework,
      from: flags.from !== undefined ? momentOf('from', flags.from) : flags.session !== undefined ? null : yearAgo,
      to: flags.to === undefined ? null : momentOf('to', flags.to),
      session: flags.session ?? null,
      nonce: flags.nonce,
      sample: flags.sample,
    };
    if (scope.from !== null && scope.to !== null && scope.to <= scope.from) throw new GwError('usage.invalid', 'The period ends before it begins.');
    const progress = new Progress();
    const tell = (what: string, part: number): void => progress.tell(what, part);
    const exported = await savePack(flags.out, async (out): Promise<EvidenceExport> => {
      if (flags.data === undefined) {
        const { client } = await this.connect(flags);
        return client.exportEvidence(scope, out, tell);
      }
      const { exportOffline } = await import('../../gateway/evidence-workbench.js');
      return exportOffline({ data: flags.data, keyFile: flags['signing-key'] ?? null, scope }, out, tell);
    }).finally(() => progress.end());
    for (const { id, claim, detail } of exported.failed) sayWarning(`${id} does not hold: ${claim}: ${visible(detail)}`);
    this.print(`${visible(flags.out)}: ${exported.files} files, ${exported.bytes} bytes, ${exported.from} to ${exported.to}`);
    this.print(`Read ${visible(flags.out)}/report.html, and verify it with: gw evidence verify ${visible(flags.out)} --key audit.pub`);
    return exported;
  }
}
