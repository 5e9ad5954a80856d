import { ALL, LEGACY, MODERN, type Requirement, SESSIONFUL, section } from './requirement.ts';

/** HTTP+SSE of 2024, stdio, and batches. */
export const OTHER_TRANSPORTS: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: ['2024-11-05'], transport: 'sse', page: '2024-11-05/basic/transports' }, [
    {
      id: 'sse.two-endpoints',
      level: 'MUST',
      at: 'http-with-sse',
      text: 'There is an endpoint for the event stream and one for POSTs.',
    },
    {
      id: 'sse.endpoint-event',
      level: 'MUST',
      at: 'http-with-sse',
      text: 'The first event is endpoint and holds the address to post to.',
    },
    {
      id: 'sse.message-events',
      level: 'MUST',
      at: 'http-with-sse',
      text: 'Messages come as message events with JSON data, on the stream and nowhere else.',
    },
  ]),
  ...section({ side: 'upstream', revisions: ['2024-11-05'], transport: 'sse', page: '2024-11-05/basic/transports' }, [
    {
      id: 'sse.upstream.posts-to-endpoint',
      level: 'MUST',
      at: 'http-with-sse',
      text: 'Messages to an SSE server are posted to the address of its endpoint event.',
    },
  ]),
  ...section({ side: 'upstream', revisions: ALL, transport: 'stdio', page: '2026-07-28/basic/transports/stdio' }, [
    {
      id: 'stdio.newline',
      level: 'MUST',
      text: 'Messages are one line each, without a newline inside, whatever the client wrote.',
    },
    {
      id: 'stdio.only-messages',
      level: 'MUST',
      text: 'Nothing but messages is written to the stdin of a server.',
    },
    {
      id: 'stdio.stderr',
      level: 'SHOULD',
      text: 'Output on stderr is no error: the call goes on.',
    },
    {
      id: 'stdio.utf8',
      level: 'MUST',
      text: 'Messages are UTF-8 in both directions.',
    },
    {
      id: 'stdio.stdin-closed',
      level: 'SHOULD',
      at: 'shutdown',
      text: 'Shutdown begins by closing the stdin of the server, which then may exit by itself.',
    },
    {
      id: 'stdio.terminated',
      level: 'SHOULD',
      at: 'shutdown',
      text: 'A server that does not exit is terminated.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'stdio', page: '2026-07-28/basic/transports/stdio' }, [
    {
      id: 'stdio.cancelled',
      level: 'MUST',
      at: 'cancellation',
      text: 'A call is cancelled by notifications/cancelled with its own id.',
    },
    {
      id: 'stdio.restart',
      level: 'SHOULD',
      at: 'unexpected-termination',
      text: 'A server that exits is started again; what was in flight is answered, not left hanging.',
    },
    {
      id: 'stdio.resubscribe',
      level: 'MUST',
      at: 'unexpected-termination',
      text: 'After a restart the open subscriptions are sent again.',
    },
    {
      id: 'stdio.probe',
      level: 'SHOULD',
      at: 'backward-compatibility',
      text: 'A server of unknown era is asked server/discover before anything else.',
    },
    {
      id: 'stdio.fallback-any-error',
      level: 'MUST',
      at: 'backward-compatibility',
      text: 'Any error that is not modern means a legacy server, whatever its code.',
    },
    {
      id: 'stdio.fallback-silence',
      level: 'SHOULD',
      at: 'backward-compatibility',
      text: 'No answer to the probe within a bound means a legacy server.',
    },
    {
      id: 'stdio.correlate',
      level: 'MUST',
      at: 'receiving-messages',
      text: 'Notifications are assigned to subscriptions by their subscriptionId.',
    },
  ]),
  ...section({ side: 'downstream', revisions: ['2025-03-26'], transport: 'any', page: '2025-03-26/basic' }, [
    {
      id: 'batch.received',
      level: 'MUST',
      at: 'batching',
      text: 'Batches are received; every request in one is answered.',
    },
    {
      id: 'batch.one-answer',
      level: 'MUST',
      text: 'All requests of a batch are answered in one HTTP answer.',
    },
    {
      id: 'batch.notifications-only',
      level: 'MUST',
      text: 'A batch without requests gets 202 and no body.',
    },
  ]),
  ...section({ side: 'downstream', revisions: SESSIONFUL, transport: 'any', page: '2025-03-26/basic/lifecycle' }, [
    {
      id: 'batch.no-initialize',
      level: 'MUST',
      at: 'initialization',
      text: 'initialize is never part of a batch.',
    },
  ]),
  ...section(
    {
      side: 'downstream',
      revisions: ['2025-06-18', '2025-11-25'],
      transport: 'streamable-http',
      page: '2025-06-18/basic/transports',
    },
    [
      {
        id: 'batch.removed',
        level: 'MUST',
        at: 'sending-messages-to-the-server',
        text: 'From 2025-06-18 a body is one message; an array is refused.',
      },
    ],
  ),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: '2025-06-18/basic/transports' }, [
    {
      id: 'batch.never-sent',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'A server never gets a batch, whatever the client sent.',
    },
  ]),
];
