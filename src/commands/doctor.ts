/** `gw doctor`: what stands between this machine and a session. */
import { GwCommand, outputFlag } from '../cli/base-command.js';
import { runDoctor } from '../cli/doctor/checks.js';
import type { Finding } from '../cli/doctor/finding.js';
import type { Column } from '../cli/render/rows.js';
import { isDataTerminal, paintOut } from '../cli/terminal.js';

const PAINT = { ok: paintOut.green, warn: paintOut.yellow, fail: paintOut.red } as const;

const COLUMNS: readonly Column<Finding>[] = [
  { name: 'check', value: (finding) => finding.check },
  { name: 'result', value: (finding) => finding.result },
  { name: 'detail', value: (finding) => finding.detail },
  { name: 'next', value: (finding) => finding.next },
];

export default class Doctor extends GwCommand {
  static override summary = 'Check clock, TLS, versions, login, clients and keychain.';
  static override description = 'Ends with exit code 1 when a check fails. Warnings do not.';
  static override examples = [{ description: 'Check everything', command: '<%= config.bin %> doctor' }];
  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly findings: readonly Finding[] }> {
    const { flags } = await this.parse(Doctor);
    const findings = await runDoctor(await this.settings(flags), this.environment, this.config.version);
    await this.printRows({ columns: COLUMNS, rows: findings, whole: { findings }, empty: '' }, flags.output);
    const failures = findings.filter(({ result }) => result === 'fail').length;
    if (flags.output === undefined && isDataTerminal())
      this.print(failures === 0 ? PAINT.ok('Nothing stands in the way.') : PAINT.fail(`${failures} to put right.`));
    if (failures > 0) process.exitCode = 1;
    return { findings };
  }
}
