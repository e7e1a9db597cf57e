/**
 * The HTTP server behind the TLS port. It listens on nothing; connections are handed to it after the handshake. Limits: a header block
 * that can carry a token with many groups and no more, and deadlines for headers and whole requests, so that a slow client holds only
 * its own connection (D18).
 */
import { createServer, type RequestListener, type Server } from 'node:http';

const HEADER_BYTES = 49_152;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
const CHECK_MS = 2_000;

export function createHttpServer(listener: RequestListener): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    listener,
  );
  server.maxHeadersCount = 100;
  return server;
}
