/** The one door to the process's environment for the gateway's side; everything else is handed this function. */

/** Value of an environment variable, or undefined when it is not set. */
export function readEnvironment(name: string): string | undefined {
  return process.env[name];
}
