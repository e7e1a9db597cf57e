/** Ends a connection of which nothing more is wanted: what was written reaches the peer, and a peer that does not go is cut off. */
import type { Duplex } from 'node:stream';

/** `graceMs`: how long the peer may take to close its side. */
export function endSoftly(stream: Duplex, graceMs: number): void {
  // It is over: how it dies changes nothing.
  stream.on('error', () => stream.destroy());
  if (stream.destroyed) return;
  stream.end();
  stream.resume();
  const timer = setTimeout(() => stream.destroy(), graceMs);
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
}
