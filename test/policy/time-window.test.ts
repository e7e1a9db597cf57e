/** Windows against a slow and obvious reading of the wall clock: open or not at every moment, and the answer holds as long as it says. */

import { describe, expect, test } from 'vitest';
import { compileWindow, isZone, parseDates, parseDays, parseHours } from '../../src/policy/time-window.js';
import { fc } from '../support/fast-check.js';

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia'];
const two = (value: number): string => String(value).padStart(2, '0');
const time = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30)).map(([h, m]) => `${two(h)}:${two(m)}`);
const window = fc.record(
  {
    zone: fc.constantFrom(...zones),
    days: fc.constantFrom(['mon-fri'], ['sat', 'sun'], ['fri-mon']),
    hours: fc
      .tuple(time, time)
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => `${a}-${b}`),
    dates: fc.constantFrom('2026-01-01..2026-03-29', '2026-10-25'),
  },
  { requiredKeys: ['zone'] },
);
// Around the changes of clocks of 2026, to the minute.
const moment = fc.oneof(
  ...['2026-03-29T00:00:00Z', '2026-10-25T00:00:00Z', '2026-03-08T06:00:00Z', '2026-11-01T05:00:00Z', '2026-04-04T15:00:00Z', '2026-07-01T00:00:00Z'].map(
    (base) => fc.integer({ min: -2880, max: 2880 }).map((minutes) => Date.parse(base) + minutes * 60_000),
  ),
);

describe('a window', () => {
  test('gives the same answer until it says that it may change', () => {
    fc.assert(
      fc.property(window, moment, fc.double({ min: 0, max: 1, noNaN: true }), (text, now, part) => {
        const compiled = compileWindow(text);
        const until = compiled.holdsUntil(now);
        expect(until).toBeGreaterThan(now);
        expect(until - now).toBeLessThanOrEqual(25 * 3_600_000);
        for (const at of [now + Math.floor((until - 1 - now) * part), until - 1]) expect(compiled.open(at)).toBe(compiled.open(now));
      }),
      { numRuns: 500 },
    );
  });

  test('reads the wall clock of its zone', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        moment,
        fc.tuple(time, time).filter(([a, b]) => a < b),
        (zone, now, [from, to]) => {
          const shown = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(now);
          expect(compileWindow({ zone, hours: `${from}-${to}` }).open(now)).toBe(shown >= from && shown < to);
        },
      ),
    );
  });
});

test('what can be written', () => {
  expect([parseDays('mon'), parseDays('fri-mon'), parseDays('MON-tue'), parseDays('mo'), parseDays('mon-tue-wed')]).toEqual([
    [0],
    [4, 5, 6, 0],
    [0, 1],
    null,
    null,
  ]);
  expect([parseHours('08:00-24:00'), parseHours('22:00-06:00'), parseHours('8:00-9:00'), parseHours('24:00-01:00'), parseHours('08:60-09:00')]).toEqual([
    [480, 1440],
    [1320, 360],
    null,
    null,
    null,
  ]);
  expect([parseDates('2026-02-28'), parseDates('2026-02-29'), parseDates('2026-02-02..2026-01-01')]).toEqual([['2026-02-28', '2026-02-28'], null, null]);
  expect([isZone('Europe/Berlin'), isZone('UTC'), isZone('+02:00'), isZone('Mars/Olympus'), isZone('')]).toEqual([true, true, false, false, false]);
});
