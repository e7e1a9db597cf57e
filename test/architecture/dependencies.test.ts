/** What an installed gw brings along is listed in a committed file, so that a new package, direct or not, shows in the review. */
import { describe, expect, it } from 'vitest';
import { runtimeDependencies } from '../../scripts/runtime-dependencies.js';
import { read } from './source-files.js';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

describe('dependencies', () => {
  it('at run time are those listed in test/architecture/runtime-dependencies.txt (otherwise: npm run generate, and say why in the commit)', () => {
    expect(read('test/architecture/runtime-dependencies.txt').trimEnd().split('\n')).toEqual(runtimeDependencies());
  });

  it('are pinned to exact versions', () => {
    const manifest = JSON.parse(read('package.json')) as Manifest;
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });
});
