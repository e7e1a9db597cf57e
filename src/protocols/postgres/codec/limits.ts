/** Limits on what either side of the wire may claim, in bytes unless said otherwise. Everything from the wire is untrusted. */

/** StartupMessage, as PostgreSQL itself limits it (MAX_STARTUP_PACKET_LENGTH, pqcomm.h). */
export const STARTUP_LIMIT = 10_000;
/** Password and SASL messages: a bearer token is at most 16 KiB, its frame a little more. */
export const PASSWORD_LIMIT = 20_000;
/** Any message: PostgreSQL's own ceiling (PQ_LARGE_MESSAGE_LIMIT, 1 GiB - 1). */
export const MESSAGE_LIMIT = 0x3fffffff;
/** Client messages that carry names only (Describe, Execute, Close, Flush, Sync, CopyDone, CopyFail, Terminate). */
export const SMALL_MESSAGE_LIMIT = 65_536;
/** A Bind up to this size is held whole; a larger one is checked by its head and streamed. */
export const BIND_BUFFER_LIMIT = 1 << 20;
/** Bytes of a large Bind that must have come before it is judged; the record gets what is there as its parameters, and the rest as its input. */
export const BIND_RECORD_LIMIT = 65_536;
/** Parameters of a Bind that are kept until its Execute, where that does not follow at once. */
export const BOUND_KEPT_LIMIT = 8_192;
/** Server messages that the gateway must read whole (descriptions, errors, notices, tags). */
export const SERVER_MESSAGE_LIMIT = 4 << 20;
/** A row that is masked is held whole. */
export const MASKED_ROW_LIMIT = 256 << 20;
/** Server messages before the login is over; servers send kilobytes there. */
export const SERVER_LOGIN_LIMIT = 65_536;
/** All of them together. */
export const SERVER_LOGIN_TOTAL = 1 << 20;
/** Messages in flight in one session before the gateway stops reading from the client. */
export const PIPELINE_LIMIT = 32_768;
/** Prepared statements and portals that one session may keep. */
export const NAMES_LIMIT = 65_536;
