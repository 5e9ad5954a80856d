import { LEGACY, MODERN, type Requirement, section } from './requirement.ts';

const UTILITIES_2025 = '2025-11-25/basic/utilities';

/** Cancellation, progress, ping, logging, pagination, caching. */
export const UTILITIES: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/cancellation` }, [
    {
      id: 'cancel.legacy.stops',
      level: 'SHOULD',
      at: 'behavior-requirements',
      text: 'A cancelled request stops at the server and frees what it held.',
    },
    {
      id: 'cancel.legacy.no-response',
      level: 'SHOULD',
      at: 'behavior-requirements',
      text: 'A cancelled request gets no result.',
    },
    {
      id: 'cancel.legacy.invalid-ignored',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'Cancellations of unknown or finished requests, and malformed ones, are ignored.',
    },
    {
      id: 'cancel.legacy.races',
      level: 'MUST',
      at: 'timing-considerations',
      text: 'A cancellation that crosses the response does no harm.',
    },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/cancellation` }, [
    {
      id: 'cancel.upstream.own-ids',
      level: 'MUST',
      at: 'behavior-requirements',
      text: 'A cancellation names a request the gateway itself sent in that direction and that is still running.',
    },
    {
      id: 'cancel.upstream.late-response',
      level: 'SHOULD',
      at: 'behavior-requirements',
      text: 'The response to a cancelled request that comes all the same is ignored.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/progress` }, [
    {
      id: 'progress.own-token',
      level: 'MUST',
      at: 'behavior-requirements',
      text: 'Progress carries the token of the active request it belongs to, byte for byte.',
    },
    {
      id: 'progress.increases',
      level: 'MUST',
      at: 'progress-flow',
      text: 'The progress value increases with each notification.',
    },
    {
      id: 'progress.stops',
      level: 'MUST',
      at: 'implementation-notes',
      text: 'No progress comes after the response.',
    },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/progress` }, [
    {
      id: 'progress.upstream.unique-token',
      level: 'MUST',
      at: 'progress-flow',
      text: 'Tokens sent to a server are unique among active requests, though clients may use the same.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/ping` }, [
    { id: 'ping.answered', level: 'MUST', at: 'behavior-requirements', text: 'ping is answered with an empty result.' },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: `${UTILITIES_2025}/ping` }, [
    {
      id: 'ping.upstream.answered',
      level: 'MUST',
      at: 'behavior-requirements',
      text: 'A ping of the server is answered with an empty result.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server/utilities/logging' }, [
    {
      id: 'log.capability',
      level: 'MUST',
      at: 'capabilities',
      text: 'The logging capability is declared where log messages are sent.',
    },
    {
      id: 'log.legacy.level',
      level: 'SHOULD',
      at: 'setting-log-level',
      text: 'After logging/setLevel only messages at or above the level come.',
    },
    {
      id: 'log.legacy.bad-level',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'An unknown level gets -32602.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/server/utilities/logging' }, [
    {
      id: 'log.modern.only-asked',
      level: 'MUST',
      at: 'per-request-log-level',
      text: 'A request without logLevel gets no log messages.',
    },
    {
      id: 'log.modern.own-stream',
      level: 'MUST',
      at: 'per-request-log-level',
      text: 'Log messages come on the stream of their request, never on a listen stream or another request’s.',
    },
    {
      id: 'log.modern.bad-level',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'An unknown logLevel gets -32602.',
    },
  ]),
  ...section(
    { side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server/utilities/pagination' },
    [
      {
        id: 'page.invalid-cursor',
        level: 'SHOULD',
        at: 'error-handling',
        text: 'A cursor that is not valid gets -32602.',
      },
      {
        id: 'page.stable-cursor',
        level: 'SHOULD',
        at: 'implementation-guidelines',
        text: 'A cursor gives the same page as long as the list is the same.',
      },
    ],
  ),
  ...section(
    { side: 'upstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server/utilities/pagination' },
    [
      {
        id: 'page.upstream.opaque',
        level: 'MUST',
        at: 'implementation-guidelines',
        text: 'A server’s cursor is sent back exactly as it came.',
      },
      {
        id: 'page.upstream.end',
        level: 'SHOULD',
        at: 'implementation-guidelines',
        text: 'A page without nextCursor is the last one; lists with and without pages both work.',
      },
    ],
  ),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/server/utilities/caching' }, [
    {
      id: 'cache.hints',
      level: 'MUST',
      at: 'cacheable-results',
      text: 'Lists, resources/read and server/discover carry ttlMs and cacheScope.',
    },
    {
      id: 'cache.ttl',
      level: 'MUST',
      at: 'time-to-live-ttl-field',
      text: 'ttlMs is zero or more.',
    },
    {
      id: 'cache.same-scope',
      level: 'MUST',
      at: 'cache-scope-field',
      text: 'All pages of a list have the same cacheScope.',
    },
    {
      id: 'cache.private',
      level: 'MUST',
      at: 'cache-scope-field',
      text: 'A private result is never served to another authorization context.',
    },
    {
      id: 'cache.invalidated',
      level: 'SHOULD',
      at: 'interaction-with-notifications',
      text: 'A change notification makes what is cached stale at once.',
    },
  ]),
];
