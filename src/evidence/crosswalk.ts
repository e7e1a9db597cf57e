/** From controls to evidence: which sections answer each one, with how many rows, and whether their checks pass. `crosswalk.csv`, and what OSCAL is made of. Pure. */
import { CONTROLS, type Control } from './controls.js';
import { CsvFile } from './csv-file.js';
import { FRAMEWORKS } from './pack-scope.js';
import type { PackWriter } from './pack-writer.js';
import { NO_LOG } from './sections/scope-section.js';
import type { Section } from './sections/section.js';

export interface Crossing {
  readonly control: Control;
  readonly sections: readonly Section[];
  readonly satisfied: boolean;
  /** Why not; empty when it is. */
  readonly reasons: readonly string[];
}

/** @param logs that have something of the period */
export function crossControls(sections: readonly Section[], logs: number): Crossing[] {
  const empty = logs === 0 ? [NO_LOG] : [];
  return CONTROLS.map((control) => {
    const wanted = sections.filter(({ id }) => control.sections.includes(id));
    const reasons = wanted.flatMap((section) => {
      const absent = section.absence === null ? [] : [`${section.id}: ${section.absence}`];
      const failed = section.checks.filter(({ passed }) => passed === false).map(({ id, claim, detail }) => `${id} fails: ${claim} (${detail})`);
      const untold = control.asks === null ? undefined : section.untold.get(control.asks);
      return [...absent, ...failed, ...(untold === undefined ? [] : [`${section.id} does not tell ${untold}`])];
    });
    const all = [...empty, ...reasons, ...(control.lacks === null ? [] : [`gw does not record ${control.lacks}`])];
    return { control, sections: wanted, satisfied: all.length === 0, reasons: all };
  });
}

export function writeCrosswalk(writer: PackWriter, crossings: readonly Crossing[]): void {
  const columns = ['framework', 'control', 'ask', 'question', 'sections', 'files', 'rows', 'evidence', 'reasons'];
  const table = new CsvFile(writer, 'crosswalk.csv', columns, '');
  for (const { control, sections, satisfied, reasons } of crossings) {
    const files = sections.flatMap((section) => section.files.map(({ path }) => path));
    const rows = sections.reduce((sum, section) => sum + section.rows, 0);
    const told = [sections.map(({ id }) => id).join(' '), files.join(' '), rows, satisfied ? 'supports' : 'does not support', reasons.join('; ')];
    table.add([FRAMEWORKS[control.framework], control.control, control.ask, control.question, ...told]);
  }
  table.end();
}
