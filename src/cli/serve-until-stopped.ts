/** A server that a command runs: until SIGTERM or Ctrl-C, then it is closed in order. */

export async function serveUntilStopped(server: { close(): Promise<void> }): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await server.close();
}
