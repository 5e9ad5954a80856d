import { type Requirement, SESSIONFUL, section } from './requirement.ts';

const PAGE = '2025-11-25/basic/transports';

/** Streamable HTTP with sessions: 2025-03-26 to 2025-11-25. */
export const HTTP_LEGACY: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: SESSIONFUL, transport: 'streamable-http', page: PAGE }, [
    {
      id: 'http.legacy.post-and-get',
      level: 'MUST',
      at: 'streamable-http',
      text: 'One endpoint path takes POST and GET.',
    },
    {
      id: 'http.legacy.accepted',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'A notification or response that is taken is answered with 202 and no body.',
    },
    {
      id: 'http.legacy.not-accepted',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'A notification or response that cannot be taken is answered with an HTTP error status.',
    },
    {
      id: 'http.legacy.request-answer',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'A request is answered with one JSON object or an event stream.',
    },
    {
      id: 'http.legacy.stream-carries-response',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'The event stream of a request carries its response.',
    },
    {
      id: 'http.legacy.stream-ends',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'The event stream of a request ends after its response.',
    },
    {
      id: 'http.legacy.related-messages',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'What comes before the response on its stream belongs to that request.',
    },
    {
      id: 'http.legacy.disconnect',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'A broken connection is not a cancellation: the call goes on.',
    },
    {
      id: 'http.legacy.get',
      level: 'MUST',
      at: 'listening-for-messages-from-the-server',
      text: 'A GET for an event stream gets one, or 405.',
    },
    {
      id: 'http.legacy.get-no-response',
      level: 'MUST',
      at: 'listening-for-messages-from-the-server',
      text: 'No response is sent on a GET stream that does not resume another one.',
    },
    {
      id: 'http.legacy.get-unrelated',
      level: 'SHOULD',
      at: 'listening-for-messages-from-the-server',
      text: 'Messages on the GET stream are unrelated to running requests.',
    },
    {
      id: 'http.legacy.one-stream',
      level: 'MUST',
      at: 'multiple-connections',
      text: 'Each message goes out on one stream only.',
    },
    {
      id: 'http.legacy.event-ids-unique',
      level: 'MUST',
      at: 'resumability-and-redelivery',
      text: 'Event ids are unique across the streams of a session.',
    },
    {
      id: 'http.legacy.replay-own-stream',
      level: 'MUST',
      at: 'resumability-and-redelivery',
      text: 'Last-Event-ID replays nothing that belongs to another stream.',
    },
    {
      id: 'http.legacy.version-header-invalid',
      level: 'MUST',
      at: 'protocol-version-header',
      text: 'An MCP-Protocol-Version that is not supported is answered with 400.',
    },
    {
      id: 'http.legacy.version-header-absent',
      level: 'SHOULD',
      at: 'protocol-version-header',
      text: 'Without the header and without a session, 2025-03-26 is assumed.',
    },
  ]),
  ...section({ side: 'downstream', revisions: ['2025-11-25'], transport: 'streamable-http', page: PAGE }, [
    {
      id: 'http.legacy.priming',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'An event stream begins with an event that has an id and no data.',
    },
    {
      id: 'http.legacy.retry-before-close',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'A connection that is closed before its stream is over gets an event with retry first.',
    },
    {
      id: 'http.legacy.event-id-names-stream',
      level: 'SHOULD',
      at: 'resumability-and-redelivery',
      text: 'An event id says which stream it belongs to, so that a GET finds it.',
    },
  ]),
  ...section({ side: 'downstream', revisions: SESSIONFUL, transport: 'streamable-http', page: PAGE }, [
    {
      id: 'session.secure-id',
      level: 'SHOULD',
      at: 'session-management',
      text: 'Session ids are globally unique and cannot be guessed.',
    },
    {
      id: 'session.visible-ascii',
      level: 'MUST',
      at: 'session-management',
      text: 'Session ids hold visible ASCII only.',
    },
    {
      id: 'session.missing',
      level: 'SHOULD',
      at: 'session-management',
      text: 'Where a session is required, a request without an id gets 400.',
    },
    {
      id: 'session.ended',
      level: 'MUST',
      at: 'session-management',
      text: 'A session that ended is answered with 404, on POST and GET.',
    },
    {
      id: 'session.delete',
      level: 'SHOULD',
      at: 'session-management',
      text: 'DELETE with the session id ends the session.',
    },
  ]),
  ...section({ side: 'upstream', revisions: SESSIONFUL, transport: 'streamable-http', page: PAGE }, [
    {
      id: 'http.upstream.post-each',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'Every message to a server is one POST with one message in it.',
    },
    {
      id: 'http.upstream.accept',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'Every POST accepts application/json and text/event-stream.',
    },
    {
      id: 'http.upstream.both-answers',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'Answers as JSON and as event streams are both understood.',
    },
    {
      id: 'http.upstream.cancel-explicit',
      level: 'SHOULD',
      at: 'sending-messages-to-the-server',
      text: 'A call is cancelled by notifications/cancelled, not by closing the connection alone.',
    },
    {
      id: 'http.upstream.get-accept',
      level: 'MUST',
      at: 'listening-for-messages-from-the-server',
      text: 'A GET for the server’s stream accepts text/event-stream.',
    },
    {
      id: 'http.upstream.resume',
      level: 'SHOULD',
      at: 'resumability-and-redelivery',
      text: 'A stream that broke after an event id is resumed by GET with Last-Event-ID.',
    },
    {
      id: 'http.upstream.retry',
      level: 'MUST',
      at: 'sending-messages-to-the-server',
      text: 'The retry a server sends is waited for before the stream is resumed.',
    },
    {
      id: 'http.upstream.session-id',
      level: 'MUST',
      at: 'session-management',
      text: 'The session id a server gave is sent on every later request.',
    },
    {
      id: 'http.upstream.session-lost',
      level: 'MUST',
      at: 'session-management',
      text: 'After 404 a new session is opened by initialize without an id.',
    },
    {
      id: 'http.upstream.session-deleted',
      level: 'SHOULD',
      at: 'session-management',
      text: 'A session that is not needed any more is ended by DELETE.',
    },
    {
      id: 'http.upstream.version-header',
      level: 'MUST',
      at: 'protocol-version-header',
      text: 'Every request after initialize carries the negotiated version as MCP-Protocol-Version.',
    },
  ]),
];
