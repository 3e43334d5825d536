/*
 * Every bound of HTTP/1.1, in one place. How long a request head may take, how long a connection may be idle and how long somebody may
 * not read are those of HTTP/2: `headerTimeout`, `idleTimeout` and `stallTimeout` of the listener.
 */

/** Octets of a request's, or a response's, first line and headers. */
export const MAX_HEADER_SIZE = 64 * 1024;
/** Header lines of one message. */
export const MAX_HEADERS = 1_000;
/** How often the time limit of request heads is looked at, in milliseconds. */
export const HEADER_TIMEOUT_INTERVAL = 1_000;
/** Requests that were sent ahead of earlier answers: reading stops at the first number, the connection ends at the second. */
export const PIPELINE_PAUSE = 32;
export const PIPELINE_LIMIT = 2_048;
/** How long the rest of a request is read and thrown away when its answer is complete, in milliseconds; then the connection ends. */
export const DISCARD_TIMEOUT = 5_000;
/** How long a client has to read the last answer before its connection is closed for good, in milliseconds. */
export const LINGER = 1_000;
/**
 * How long a connection to an instance is kept idle, in milliseconds, when the instance does not say how long it waits (`keep-alive:
 * timeout=`): shorter than servers usually wait (Node 5 s), since a request that crosses the end of its connection is lost.
 */
export const IDLE_UPSTREAM = 4_000;
/** How much before the time that an instance named its idle connections are closed, in milliseconds. */
export const IDLE_MARGIN = 1_000;
