/**
 * Reads gateway.yaml. All problems are found in one go and reported with their position, so that a file is put right in one round.
 * `checkGatewayConfig` reports; `loadGatewayConfig` throws. Neither reads a secret.
 */
import { dirname, resolve } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { crossCheck } from './cross-checks.js';
import { readEnvironment } from './environment.js';
import { checkFiles } from './file-checks.js';
import type { ConfigProtocols, GatewayConfig } from './gateway-config.js';
import { gatewaySchema } from './gateway-json-schema.js';
import { gatewaySchemaZod } from './gateway-schema.js';
import { issueProblems } from './issue-problems.js';
import { resolveConfig } from './resolve-config.js';
import { type Problem, readYamlSource } from './yaml-source.js';

export interface LoadOptions {
  readonly protocols: ConfigProtocols;
  /** Gives what is wrong with a CEL expression over `claims`, or null. Without it expressions are compiled only when the gateway starts. */
  readonly checkExpression?: (expression: string) => string | null;
}

export interface ConfigCheck {
  /** Null when there are errors. */
  readonly config: GatewayConfig | null;
  /** `file:line:col path: message`, in the order of the file. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

const MAX_PROBLEMS = 100;

/** Everything that is wrong (errors) or doubtful (warnings) in `file`. Throws only what is not the file's fault. */
export async function checkGatewayConfig(file: string, options: LoadOptions): Promise<ConfigCheck> {
  const lines = (problems: readonly Problem[]): string[] =>
    [...problems]
      .sort((left, right) => left.line - right.line || left.column - right.column)
      .slice(0, MAX_PROBLEMS)
      .map((each) => `${file}:${each.line}:${each.column} ${each.path === '' ? '' : `${each.path}: `}${each.message}`);
  const failed = (problems: readonly Problem[], warnings: readonly Problem[] = []): ConfigCheck => ({
    config: null,
    errors: lines(problems),
    warnings: lines(warnings),
  });

  const { source, problems: unreadable } = await readYamlSource(file);
  if (source === null) return failed(unreadable);
  const result = gatewaySchemaZod.safeParse(source.value);
  if (!result.success) return failed(issueProblems(result.error.issues, source, gatewaySchema(options.protocols)));

  const absolute = resolve(file);
  const directory = dirname(absolute);
  const crossed = crossCheck(result.data, source, { protocols: options.protocols, directory, checkExpression: options.checkExpression ?? (() => null) });
  const files = await checkFiles(result.data, source, directory, readEnvironment);
  const problems = [...crossed.problems, ...files.problems];
  if (problems.length > 0) return failed(problems, files.warnings);
  return { config: resolveConfig(absolute, result.data, crossed.targets, files.policyFiles), errors: [], warnings: lines(files.warnings) };
}

/**
 * The configuration in `file`, and what an administrator should know about it.
 * @throws GwError `config.invalid` with every problem on a line of its own.
 */
export async function loadGatewayConfig(file: string, options: LoadOptions): Promise<{ config: GatewayConfig; warnings: readonly string[] }> {
  const { config, errors, warnings } = await checkGatewayConfig(file, options);
  if (config !== null) return { config, warnings };
  const heading = errors.length === 1 ? 'The gateway configuration is not valid:' : `The gateway configuration has ${errors.length} problems:`;
  throw new GwError('config.invalid', [heading, ...errors].join('\n'), { detail: { file, problems: errors.length } });
}
