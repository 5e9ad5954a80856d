import { MODERN, type Requirement, section } from './requirement.ts';

const PAGE = '2026-07-28/basic/transports/streamable-http';

/** Streamable HTTP without sessions: 2026-07-28. */
export const HTTP_MODERN: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: MODERN, transport: 'streamable-http', page: PAGE }, [
    {
      id: 'http.modern.notification-accepted',
      level: 'MUST',
      at: 'sending-messages',
      text: 'A notification that is taken is answered with 202 and no body.',
    },
    {
      id: 'http.modern.no-client-responses',
      level: 'MUST',
      at: 'sending-messages',
      text: 'A response is no message a client may send; it is answered with an HTTP error.',
    },
    {
      id: 'http.modern.single-message',
      level: 'MUST',
      at: 'sending-messages',
      text: 'A body is one message; a batch is refused.',
    },
    {
      id: 'http.modern.request-answer',
      level: 'MUST',
      at: 'sending-messages',
      text: 'A request is answered with one JSON object or an event stream.',
    },
    {
      id: 'http.modern.related-notifications',
      level: 'MUST',
      at: 'receiving-messages',
      text: 'Notifications on a response stream relate to its request.',
    },
    {
      id: 'http.modern.no-server-requests',
      level: 'MUST',
      at: 'receiving-messages',
      text: 'No request is sent to the client, on any stream.',
    },
    {
      id: 'http.modern.response-ends-stream',
      level: 'SHOULD',
      at: 'receiving-messages',
      text: 'The response ends the stream.',
    },
    {
      id: 'http.modern.unbuffered',
      level: 'SHOULD',
      at: 'receiving-messages',
      text: 'Event streams carry X-Accel-Buffering: no.',
    },
    {
      id: 'http.modern.disconnect-cancels',
      level: 'MUST',
      at: 'cancellation',
      text: 'Closing the response stream cancels the request.',
    },
    {
      id: 'http.modern.cancel-stops-work',
      level: 'SHOULD',
      at: 'cancellation',
      text: 'Work on a cancelled request stops.',
    },
    {
      id: 'http.modern.version-mismatch',
      level: 'MUST',
      at: 'protocol-version-header',
      text: 'MCP-Protocol-Version that differs from the body, or is missing, gets 400 with -32020.',
    },
    {
      id: 'http.modern.version-unsupported-status',
      level: 'MUST',
      at: 'protocol-version-header',
      text: 'An unsupported version gets HTTP 400.',
    },
    {
      id: 'http.modern.method-unknown',
      level: 'MUST',
      at: 'protocol-version-header',
      text: 'A method that is not implemented gets 404 with -32601.',
    },
    {
      id: 'http.modern.method-header',
      level: 'MUST',
      at: 'standard-request-headers',
      text: 'Mcp-Method is required on every request.',
    },
    {
      id: 'http.modern.name-header',
      level: 'MUST',
      at: 'standard-request-headers',
      text: 'Mcp-Name is required on tools/call, resources/read and prompts/get.',
    },
    {
      id: 'http.modern.header-mismatch',
      level: 'MUST',
      at: 'server-validation',
      text: 'Headers that disagree with the body get 400 with -32020.',
    },
    {
      id: 'http.modern.header-decoded',
      level: 'MUST',
      at: 'value-encoding',
      text: 'A Base64 value of Mcp-Name or Mcp-Param-* is decoded before it is compared.',
    },
    {
      id: 'http.modern.header-name-case',
      level: 'MUST',
      at: 'case-sensitivity',
      text: 'Header names are compared without regard to case; values are not.',
    },
    {
      id: 'http.modern.param-mismatch',
      level: 'MUST',
      at: 'server-behavior-for-custom-headers',
      text: 'An Mcp-Param-* that differs from the argument, or is missing for one, is refused.',
    },
    {
      id: 'http.modern.param-absent',
      level: 'MUST',
      at: 'server-behavior-for-custom-headers',
      text: 'No header is expected for an argument that is null or absent.',
    },
    {
      id: 'http.modern.param-characters',
      level: 'MUST',
      at: 'server-behavior-for-custom-headers',
      text: 'An Mcp-Param-* that cannot be decoded is refused.',
    },
    {
      id: 'http.modern.param-numeric',
      level: 'SHOULD',
      at: 'server-validation',
      text: 'Integers are compared as numbers: 42.0 is 42.',
    },
    {
      id: 'http.modern.get-refused',
      level: 'SHOULD',
      at: 'earlier-streamable-http-revisions',
      text: 'A GET for a stream by a client of this revision gets 405.',
    },
    {
      id: 'http.modern.session-ignored',
      level: 'SHOULD',
      at: 'earlier-streamable-http-revisions',
      text: 'Mcp-Session-Id is ignored, never minted and never echoed.',
    },
    {
      id: 'http.modern.last-event-id-ignored',
      level: 'SHOULD',
      at: 'earlier-streamable-http-revisions',
      text: 'Last-Event-ID is ignored and events carry no ids.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'streamable-http', page: PAGE }, [
    {
      id: 'http.upstream.modern-headers',
      level: 'MUST',
      at: 'sending-messages',
      text: 'Every POST carries MCP-Protocol-Version and Mcp-Method that match its body, and Mcp-Name where it is due.',
    },
    {
      id: 'http.upstream.modern-accept',
      level: 'MUST',
      at: 'sending-messages',
      text: 'Every POST accepts application/json and text/event-stream.',
    },
    {
      id: 'http.upstream.modern-both-answers',
      level: 'MUST',
      at: 'sending-messages',
      text: 'Answers as JSON and as event streams are both understood.',
    },
    {
      id: 'http.upstream.name-encoded',
      level: 'MUST',
      at: 'value-encoding',
      text: 'A name that no header can carry is sent in Base64, and so is one that looks like it.',
    },
    {
      id: 'http.upstream.params-mirrored',
      level: 'MUST',
      at: 'client-behavior',
      text: 'Arguments marked x-mcp-header are sent as Mcp-Param-*, at any depth of properties.',
    },
    {
      id: 'http.upstream.params-omitted',
      level: 'MUST',
      at: 'server-behavior-for-custom-headers',
      text: 'No header is sent for an argument that is null or absent.',
    },
    {
      id: 'http.upstream.params-encoded',
      level: 'MUST',
      at: 'value-encoding',
      text: 'Parameter values are written as decimal, true or false, or text, in Base64 where needed.',
    },
    {
      id: 'http.upstream.invalid-tool-excluded',
      level: 'MUST',
      at: 'schema-extension',
      text: 'A tool whose x-mcp-header breaks the rules is left out of tools/list; the others stay.',
    },
    {
      id: 'http.upstream.mismatch-refreshes',
      level: 'SHOULD',
      at: 'client-behavior',
      text: 'After -32020 the tools are listed again and the call is repeated with new headers.',
    },
    {
      id: 'http.upstream.modern-cancel',
      level: 'MUST',
      at: 'cancellation',
      text: 'A call is cancelled by closing its response; no notifications/cancelled is sent.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic' }, [
    {
      id: 'result.upstream.absent-type',
      level: 'MUST',
      at: 'resulttype',
      text: 'A result without resultType is taken as complete.',
    },
    {
      id: 'result.upstream.unknown-type',
      level: 'MUST',
      at: 'resulttype',
      text: 'A result of an unknown resultType is invalid and never passed on as a good one.',
    },
  ]),
];
