/**
 * The adapter that sends to a syslog receiver over TLS (RFC 5425) or, on this machine, over TCP (RFC 6587). Syslog has no acknowledgement, so a batch is
 * confirmed by its end: one connection for each, closed from here, and delivered when the receiver has closed it too, after us and without an error. It
 * does that after it has read everything; bytes that it never read make its system reset the connection. A receiver that closes by itself (it is full,
 * or a balancer found nobody behind it) must not pass for one that has read: so we close only when it had the time to do so. The receiver's
 * certificate is verified.
 */
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GwError } from '../../contract/gw-error.js';
import type { SyslogSinkSettings } from '../../contract/settings.js';
import type { SinkReceiver } from './sink-receiver.js';
import { type SyslogHeader, syslogFrame } from './syslog-message.js';

const RECORDS = 1_000;
/** Longest silence while connecting, sending and waiting for the receiver to close. */
const SILENCE_MS = 15_000;
/** Time that a receiver gets to close by itself: at least this, and twice what it took to connect, which is more than the way there and back. */
const LINGER_MS = 100;

export function syslogReceiver(settings: SyslogSinkSettings, header: Omit<SyslogHeader, 'facility' | 'appName'>): SinkReceiver {
  const all: SyslogHeader = { ...header, facility: settings.facility, appName: settings.appName };
  return {
    most: RECORDS,
    deliver: async (records, stopped) => {
      const bytes = records.map((record) => syslogFrame(record, all)).join('');
      await sendAndClose(await open(settings), bytes, settings, stopped);
    },
  };
}

async function open({ host, port, tls, ca, client }: SyslogSinkSettings): Promise<Socket> {
  if (!tls) return connectTcp({ host, port });
  const [authority, certificate, key] = await Promise.all([ca, client?.certificate, client?.key].map((path) => (path == null ? undefined : readFile(path))));
  return connectTls({
    host,
    port,
    // A name, never an address: RFC 6066 section 3.
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    minVersion: 'TLSv1.2',
    ...(authority === undefined ? {} : { ca: authority }),
    ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
  });
}

/** Resolves when the receiver has closed the connection after ours, without an error on the way. */
function sendAndClose(socket: Socket, text: string, { host, port, tls }: SyslogSinkSettings, stopped: AbortSignal): Promise<void> {
  const place = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    let ended = false;
    let sent = false;
    const stop = (): void => {
      socket.destroy(new GwError('sink.unavailable', `Sending to the syslog receiver ${place} was stopped.`));
    };
    stopped.addEventListener('abort', stop, { once: true });
    socket.setTimeout(SILENCE_MS, () =>
      socket.destroy(
        new GwError('sink.unavailable', `The syslog receiver ${place} did not take the entries, or did not close, within ${SILENCE_MS / 1000} s.`),
      ),
    );
    let closing: NodeJS.Timeout | undefined;
    const dialled = performance.now();
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      const lingerMs = Math.max(LINGER_MS, 2 * (performance.now() - dialled));
      socket.write(text, 'latin1', (failed) => {
        if (failed != null) return;
        closing = setTimeout(() => {
          sent = true;
          socket.end();
        }, lingerMs);
      });
    });
    let failure: unknown = null;
    socket.once('end', () => {
      ended = true;
      // By itself: nobody knows what it read.
      if (!sent) socket.destroy(new GwError('sink.unavailable', `The syslog receiver ${place} closed before it had everything.`));
    });
    socket.on('error', (cause) => {
      failure ??= cause;
    });
    socket.once('close', () => {
      stopped.removeEventListener('abort', stop);
      clearTimeout(closing);
      if (failure === null && ended && sent) resolve();
      else reject(failure instanceof GwError ? failure : unreachable(place, failure));
    });
    // Receivers say nothing; whatever they say is not looked at.
    socket.resume();
  });
}

function unreachable(place: string, cause: unknown): GwError {
  const code = (cause as { code?: unknown } | null)?.code;
  const why = typeof code === 'string' ? ` (${code})` : '';
  return new GwError('sink.unavailable', `The syslog receiver ${place} could not be reached, or closed before it had everything${why}.`, { cause });
}
