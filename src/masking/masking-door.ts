/** A view of policy carried out: transforms and detectors for what one identity may not see of one target. One for each view, shared. */
import type { Clock } from '../base/clock.js';
import { DETECTED_CLASSES, type DetectedClass, type ValueTransform } from '../contract/masking.js';
import type { ClassView, MaskingDoor, MaskingExplanation, MaskingView, StreamMask, TextMasks, TextScan } from '../contract/masking-policy.js';
import { Findings } from './detectors/findings.js';
import { maskFindings } from './detectors/mask-findings.js';
import { createScanner } from './detectors/scanner.js';
import { createStreamMask } from './detectors/stream-mask.js';
import { recogniseMasked } from './recognise-masked.js';
import { type TokenKeys, tokenMakers } from './tokens.js';
import { createTransform } from './transforms.js';

export function createMaskingDoor(view: MaskingView, key: TokenKeys, clock: Clock): MaskingDoor {
  return {
    view,
    transform: (how, kind, integerBits) =>
      createTransform({ treatment: how.treatment, class: how.class, kind, key, clock, keepLength: how.keepLength, showBin: how.showBin, integerBits }),
    tokenMakers: (how, kind, bits, token) => tokenMakers(key, how.class, kind, bits, token),
    scan: createScan(view, key, clock),
    text: createText(view, key, clock),
    isMasked: (text, kind) => (kind === undefined ? KINDS_WITH_FORMS : [kind]).some((each) => recogniseMasked(text, each) !== null),
  };
}

const KINDS_WITH_FORMS = ['text', 'integer', 'uuid'] as const;

const isDetected = (name: string): name is DetectedClass => (DETECTED_CLASSES as readonly string[]).includes(name);

function createScan(view: MaskingView, key: TokenKeys, clock: Clock): MaskingDoor['scan'] {
  const looked = new Map<DetectedClass, ClassView>();
  for (const how of view.classes) if (how.detect && how.treatment !== 'clear' && isDetected(how.class)) looked.set(how.class, how);
  if (looked.size === 0) return null;
  const scanner = createScanner([...looked.keys()]);
  const findings = new Findings();
  const scanFor = (shown: ReadonlyMap<DetectedClass, ClassView>): TextScan => {
    const transforms: Partial<Record<DetectedClass, ValueTransform>> = {};
    for (const [name, { treatment, keepLength, showBin }] of shown) {
      // Found in the middle of a text, a value can only be shown as text. Without a transform it is masked whole.
      if (treatment !== 'mask') transforms[name] = createTransform({ treatment, class: name, kind: 'text', key, clock, keepLength, showBin });
    }
    return {
      mask: (bytes, start, end, sink) => {
        if (scanner.scan(bytes, start, end, findings) === 0) return null;
        for (let index = 0; index < findings.count; index++) {
          const how = shown.get(findings.classOf(index));
          if (how !== undefined) sink.found(how);
        }
        return maskFindings(bytes, findings, transforms, start, end);
      },
    };
  };
  return {
    ...scanFor(looked),
    showing: (classes) => scanFor(new Map([...looked].map(([name, how]) => [name, classes.find((each) => each.class === name) ?? how]))),
    begin: (stretch) => scanner.begin(stretch),
    end: () => scanner.end(),
  };
}

/** A class that nobody sees hidden is not looked for; one that somebody sees in clear by a mask rule is, for the record. */
function lookedFor({ classes }: MaskingView): ReadonlyMap<DetectedClass, ClassView> {
  const looked = new Map<DetectedClass, ClassView>();
  for (const how of classes) if (how.detect && isDetected(how.class) && (how.treatment !== 'clear' || how.rule !== null)) looked.set(how.class, how);
  return looked;
}

const isHidden = {
  screen: ({ screen, output, treatment }: ClassView): boolean => (screen || output) && treatment !== 'clear',
  output: ({ output, treatment }: ClassView): boolean => output && treatment !== 'clear',
};

/** What becomes of text without columns, in words; null: nothing is looked for. */
export function explainText(view: MaskingView): MaskingExplanation | null {
  const text = [...lookedFor(view).values()].map((how) => ({
    class: how.class,
    terminal: isHidden.screen(how) ? how.treatment : ('clear' as const),
    output: isHidden.output(how) ? how.treatment : ('clear' as const),
    record: how.treatment === 'clear' ? ('mask' as const) : how.treatment,
    rule: how.rule,
  }));
  return text.length === 0 ? null : { text, results: [], refusal: null, inherits: [], clears: [], resolves: [], catalog: true };
}

function createText(view: MaskingView, key: TokenKeys, clock: Clock): TextMasks | null {
  const looked = lookedFor(view);
  if (looked.size === 0) return null;
  const inClear = new Map([...looked].map(([name, how]) => [name, { ...how, treatment: 'clear' as const, rule: how.treatment === 'clear' ? how.rule : null }]));
  // One scanner for all streams of a kind: each call to it is over before the next begins.
  const maskOf = (classes: ReadonlyMap<DetectedClass, ClassView>): ((found?: (each: DetectedClass) => void) => StreamMask) => {
    const scanner = createScanner([...classes.keys()]);
    const transforms: Partial<Record<DetectedClass, ValueTransform>> = {};
    for (const [name, { treatment, keepLength, showBin }] of classes)
      if (treatment !== 'mask' && treatment !== 'clear')
        transforms[name] = createTransform({ treatment, class: name, kind: 'text', key, clock, keepLength, showBin });
    return (found) => createStreamMask(scanner, transforms, found);
  };
  const hiddenWhere = (where: (how: ClassView) => boolean): ReadonlyMap<DetectedClass, ClassView> => new Map([...looked].filter(([, how]) => where(how)));
  const hidden = { screen: hiddenWhere(isHidden.screen), output: hiddenWhere(isHidden.output) };
  const forRecord = maskOf(looked);
  return {
    record: (delivered, found) =>
      forRecord((each) => {
        const how = hidden[delivered].get(each) ?? inClear.get(each);
        if (how !== undefined) found(how);
      }),
    screen: hidden.screen.size === 0 ? null : maskOf(hidden.screen),
    output: hidden.output.size === 0 ? null : maskOf(hidden.output),
  };
}
