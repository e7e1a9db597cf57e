/**
 * fast-check with one seed for all: a run of the tests says the same each time, so that a red one is about the change. `GW_SEED=random` draws another, which
 * a failure prints, and `GW_SEED=N` repeats it.
 */
import fc from 'fast-check';

const asked = process.env['GW_SEED'] ?? '1';
if (asked !== 'random' && !/^-?\d+$/.test(asked)) throw new Error(`GW_SEED=${asked} is neither "random" nor a whole number.`);
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked) });

/** The seed for what draws by itself and not by fast-check: the same rule. */
export const testSeed = (): number => fc.readConfigureGlobal()?.seed ?? Date.now() % 2_147_483_647;

export { fc };
