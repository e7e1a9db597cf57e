import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Crowd } from '../../src/base/crowd.js';

describe('a crowd', () => {
  const cores = availableParallelism();

  it('is looked at now and then, and is what it was over the last looks', () => {
    let runnable = 10 * cores;
    let looks = 0;
    const crowd = new Crowd(100, () => {
      looks++;
      return runnable;
    });
    expect(crowd.perCore(1_000)).toBe(10);
    runnable = 0;
    expect(crowd.perCore(1_050)).toBe(10);
    expect(looks).toBe(1);
    expect(crowd.perCore(1_101)).toBeCloseTo(7);
    expect(crowd.perCore(1_202)).toBeCloseTo(4.9);
    expect(looks).toBe(3);
  });

  it('of long ago says nothing', () => {
    let runnable = 10 * cores;
    const crowd = new Crowd(100, () => runnable);
    crowd.perCore(0);
    runnable = cores;
    expect(crowd.perCore(5_000)).toBe(1);
  });
});
