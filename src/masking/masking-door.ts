/** A view of policy carried out: transforms and detectors for what one identity may not see of one target. One for each view, shared. */
import type { Clock } from '../base/clock.js';
import { DETECTED_CLASSES, type DetectedClass, type ValueTransform } from '../contract/masking.js';
import type { ClassView, MaskingDoor, MaskingView, TextMasks, TextScan } from '../contract/masking-policy.js';
import { Findings } from './detectors/findings.js';
import { maskFindings } from './detectors/mask-findings.js';
import { createScanner } from './detectors/scanner.js';
import { createStreamMask } from './detectors/stream-mask.js';
import { recogniseMasked } from './recognise-masked.js';
import { type TokenKeys, tokenMaker } from './tokens.js';
import { createTransform } from './transforms.js';

export function createMaskingDoor(view: MaskingView, key: TokenKeys, clock: Clock): MaskingDoor {
  return {
    view,
    transform: (how, kind, integerBits) =>
      createTransform({ treatment: how.treatment, class: how.class, kind, key, clock, keepLength: how.keepLength, integerBits }),
    tokenMaker: (how, kind, bits, token) => tokenMaker(key, how.class, kind, bits, token),
    scan: createScan(view, key, clock),
    text: createText(view, key, clock),
    isMasked: (text) => recogniseMasked(text) !== null || recogniseMasked(text, 'integer') !== null || recogniseMasked(text, 'uuid') !== null,
  };
}

const isDetected = (name: string): name is DetectedClass => (DETECTED_CLASSES as readonly string[]).includes(name);

function createScan(view: MaskingView, key: TokenKeys, clock: Clock): MaskingDoor['scan'] {
  const looked = new Map<DetectedClass, ClassView>();
  for (const how of view.classes) if (how.detect && how.treatment !== 'clear' && isDetected(how.class)) looked.set(how.class, how);
  if (looked.size === 0) return null;
  const scanner = createScanner([...looked.keys()]);
  const findings = new Findings();
  const scanFor = (shown: ReadonlyMap<DetectedClass, ClassView>): TextScan => {
    const transforms: Partial<Record<DetectedClass, ValueTransform>> = {};
    for (const [name, { treatment, keepLength }] of shown) {
      // Found in the middle of a text, a value can only be shown as text. Without a transform it is masked whole.
      if (treatment !== 'mask') transforms[name] = createTransform({ treatment, class: name, kind: 'text', key, clock, keepLength });
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
function createText(view: MaskingView, key: TokenKeys, clock: Clock): TextMasks | null {
  const looked = new Map<DetectedClass, ClassView>();
  for (const how of view.classes) if (how.detect && isDetected(how.class) && (how.treatment !== 'clear' || how.rule !== null)) looked.set(how.class, how);
  if (looked.size === 0) return null;
  const hidden = new Map([...looked].filter(([, how]) => how.screen && how.treatment !== 'clear'));
  const inClear = new Map([...looked].map(([name, how]) => [name, { ...how, treatment: 'clear' as const, rule: how.treatment === 'clear' ? how.rule : null }]));
  const transformsOf = (classes: ReadonlyMap<DetectedClass, ClassView>): Partial<Record<DetectedClass, ValueTransform>> => {
    const transforms: Partial<Record<DetectedClass, ValueTransform>> = {};
    for (const [name, { treatment, keepLength }] of classes)
      if (treatment !== 'mask' && treatment !== 'clear') transforms[name] = createTransform({ treatment, class: name, kind: 'text', key, clock, keepLength });
    return transforms;
  };
  // One scanner for all streams: each call to it is over before the next begins.
  const [all, some] = [createScanner([...looked.keys()]), createScanner([...hidden.keys()])];
  const [forRecord, forScreen] = [transformsOf(looked), transformsOf(hidden)];
  return {
    record: (screened, found) =>
      createStreamMask(all, forRecord, (each) => {
        const how = (screened ? hidden.get(each) : undefined) ?? inClear.get(each);
        if (how !== undefined) found(how);
      }),
    screen: hidden.size === 0 ? null : () => createStreamMask(some, forScreen),
  };
}
