/** What the readiness of a gateway says is wrong. The answer is untrusted. Pure. */
/** Messages of the checks that fail; nothing where the answer is none of ours. */
export function failedChecks(body: Buffer): string[] {
  let value: unknown = null;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return [];
  }
  const checks = (value as { checks?: unknown } | null)?.checks;
  if (typeof checks !== 'object' || checks === null) return [];
  return Object.values(checks).flatMap((check: unknown) => {
    const { ok, message } = (typeof check === 'object' && check !== null ? check : {}) as { ok?: unknown; message?: unknown };
    return ok === false && typeof message === 'string' ? [message] : [];
  });
}
