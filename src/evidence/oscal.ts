/**
 * The pack as OSCAL 1.2.1 assessment results: an observation for each check that ran, a finding for each control of the framework. Identifiers are
 * UUIDs of version 5 over what they name, so the same pack has the same ones. Pure.
 */
import { createHash } from 'node:crypto';
import type { Crossing } from './crosswalk.js';
import { FRAMEWORKS, instant, type PackScope } from './pack-scope.js';
import type { Section } from './sections/section.js';

export const OSCAL_PATH = 'oscal/ar.json';
/** Random; the name space of all identifiers of packs. */
const NAMESPACE = Buffer.from('6f0e1c3a9d5b4e7f8a2162c4d0b7f95e', 'hex');

/** RFC 9562 section 5.5. */
function nameUuid(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name, 'utf8').digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** An OSCAL token: a letter first, then letters, digits, `.`, `-`, `_`. `AC-6(5)` is `ac-6.5`. */
function controlToken(framework: string, control: string): string {
  const plain = control
    .toLowerCase()
    .replace(/\((\d+)\)/g, '.$1')
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return framework === 'nist' ? plain : `${framework}-${plain}`;
}

export function assessmentResults(scope: PackScope, sections: readonly Section[], crossings: readonly Crossing[]): object {
  const seed = JSON.stringify([scope.gateway, scope.from, scope.to, scope.session, scope.framework, scope.nonce, scope.sample]);
  const uuid = (name: string): string => nameUuid(`${seed}\n${name}`);
  const [start, end] = [instant(scope.from), instant(scope.to)];
  const observations = sections.flatMap((section) => observationsOf(section, uuid, end));
  const own = crossings.filter(({ control }) => control.framework === scope.framework);
  return {
    'assessment-results': {
      uuid: uuid('assessment-results'),
      metadata: {
        title: `Access evidence of the gateway ${scope.gateway}, ${start} to ${end}`,
        'last-modified': end,
        version: '1',
        'oscal-version': '1.2.1',
        remarks:
          'Evidence that a gateway collected, tested by the gateway. It says whether the evidence supports a control; it does not say that anybody complies.',
      },
      'import-ap': { href: '#none', remarks: 'No assessment plan was given: the sections of the pack are the plan.' },
      results: [
        {
          uuid: uuid('result'),
          title: FRAMEWORKS[scope.framework],
          description: `Sections E01 to E16 over ${start} to ${end}${scope.session === null ? '' : `, session ${scope.session} only`}.`,
          start,
          end,
          'reviewed-controls': {
            'control-selections': [{ 'include-controls': own.map(({ control }) => ({ 'control-id': controlToken(control.framework, control.control) })) }],
          },
          observations,
          findings: own.map((crossing) => findingOf(crossing, uuid)),
        },
      ],
    },
  };
}

function observationsOf(section: Section, uuid: (name: string) => string, collected: string): object[] {
  const links = section.files.map(({ path }) => ({ href: `../${path}`, rel: 'evidence' }));
  const linked = links.length === 0 ? {} : { links };
  const counted = {
    uuid: uuid(section.id),
    title: `${section.id} ${section.title}`,
    description: section.absence ?? `${section.rows} rows in ${section.files.length} tables.`,
    props: [
      { name: 'rows', ns: 'urn:gw:evidence', value: String(section.rows) },
      { name: 'state', ns: 'urn:gw:evidence', value: section.state },
    ],
    ...linked,
    methods: ['EXAMINE'],
    collected,
    ...(section.gaps.length === 0 ? {} : { remarks: `Not recorded: ${section.gaps.join('; ')}.` }),
  };
  const tested = section.checks.map(({ id, claim, passed, detail }) => ({
    uuid: uuid(id),
    title: id,
    description: `${claim}: ${passed === null ? 'not applicable' : passed ? 'holds' : 'does not hold'} (${detail}).`,
    ...linked,
    methods: ['TEST'],
    collected,
  }));
  return [counted, ...tested];
}

function findingOf({ control, sections, satisfied, reasons }: Crossing, uuid: (name: string) => string): object {
  const token = controlToken(control.framework, control.control);
  return {
    uuid: uuid(`finding ${control.control}`),
    title: control.control,
    description: satisfied ? `${control.ask}: the sections hold evidence, and their checks pass.` : `${control.ask}: ${reasons.join('; ')}`,
    target: { type: 'objective-id', 'target-id': token, status: { state: satisfied ? 'satisfied' : 'not-satisfied', reason: satisfied ? 'pass' : 'fail' } },
    'related-observations': sections
      .flatMap((section) => [section.id, ...section.checks.map(({ id }) => id)])
      .map((name) => ({ 'observation-uuid': uuid(name) })),
  };
}
