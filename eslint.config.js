/**
 * What only a type checker can see, and what only gw forbids. Everything else (format, imports, plain lint) is biome's.
 * Each restricted form says what to do instead; there is no inline disabling (`noInlineConfig`), so an exception is visible here.
 */
import tseslint from 'typescript-eslint';

const bareError = {
  selector: 'NewExpression[callee.name=/^(Error|TypeError|RangeError|SyntaxError|EvalError|ReferenceError|URIError|AggregateError)$/]',
  message: 'Throw a GwError with a code of the error catalogue: every error that someone can see has a stable code and a next step.',
};
const emptyCatch = {
  selector: 'CatchClause[body.body.length=0]',
  message: 'An empty catch hides failures. Handle it, wrap it in a GwError with `cause`, or say in a statement why nothing is to be done.',
};
const console_ = {
  selector: 'MemberExpression[object.name="console"]',
  message: 'Only cli/ prints. Elsewhere take a Logger (base/logger).',
};
const processOutput = {
  selector: 'MemberExpression[object.name="process"][property.name=/^(stdout|stderr|stdin)$/]',
  message: 'Only cli/ and commands (through the base command) touch the terminal. Elsewhere take a Logger or return data.',
};
const environment = {
  selector: 'MemberExpression[object.name="process"][property.name="env"]',
  message: 'Only config/ and cli/ read the environment; pass the value in, so that everything a module depends on is in its signature.',
};
const processExit = {
  selector: 'CallExpression[callee.object.name="process"][callee.property.name="exit"]',
  message: 'Nothing below cli/ ends the process: return or throw, so that what is open is closed.',
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', '**/*.mjs', '**/*.cjs', '**/*.js'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ['./tsconfig.test.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'error',
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/no-unsafe-member-access': 'error',
      '@typescript-eslint/no-unsafe-return': 'error',
      'no-restricted-syntax': ['error', bareError, emptyCatch, console_, processOutput, environment, processExit],
    },
  },
  {
    // Only where state does not change under an `await`: the rule takes a mutable field for a constant.
    files: ['src/{base,contract,config}/**/*.ts', 'src/protocols/*/codec/**/*.ts'],
    rules: { '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }] },
  },
  // A worker is a process of its own, and so is the small server of the quickstart: its entry point ends it.
  {
    files: ['src/gateway/worker-main.ts', 'src/quickstart/web-host/host-main.ts'],
    rules: { 'no-restricted-syntax': ['error', bareError, emptyCatch, console_, processOutput, environment] },
  },
  { files: ['src/config/**/*.ts'], rules: { 'no-restricted-syntax': ['error', bareError, emptyCatch, console_, processOutput, processExit] } },
  { files: ['src/cli/**/*.ts'], rules: { 'no-restricted-syntax': ['error', bareError, emptyCatch] } },
);
