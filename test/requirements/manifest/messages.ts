import { ALL, LEGACY, MODERN, type Requirement, section } from './requirement.ts';

/** JSON-RPC messages, results, errors and their statuses, and questions to the client. */
export const MESSAGES: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: ALL, transport: 'any', page: '2025-11-25/basic' }, [
    {
      id: 'rpc.same-id',
      level: 'MUST',
      at: 'responses',
      text: 'A response carries the id of its request; an error too, unless the id could not be read.',
    },
    {
      id: 'rpc.null-id',
      level: 'MUST',
      at: 'requests',
      text: 'The id null is no id: such a request is refused.',
    },
    {
      id: 'rpc.result-or-error',
      level: 'MUST',
      at: 'responses',
      text: 'A response has a result or an error, never both.',
    },
    {
      id: 'rpc.integer-code',
      level: 'MUST',
      at: 'responses',
      text: 'An error has an integer code and a message.',
    },
    {
      id: 'rpc.no-notification-response',
      level: 'MUST',
      at: 'notifications',
      text: 'A notification gets no response, whatever it says.',
    },
    {
      id: 'rpc.parse-error',
      level: 'MUST',
      at: 'messages',
      text: 'What is no JSON gets -32700, what is no JSON-RPC message -32600.',
    },
    {
      id: 'rpc.utf8',
      level: 'MUST',
      at: 'messages',
      text: 'Messages are UTF-8: other bytes are refused, and all of Unicode passes.',
    },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/basic' }, [
    {
      id: 'rpc.upstream.unique-ids',
      level: 'MUST',
      at: 'requests',
      text: 'No id is used twice in one upstream session, though clients may use the same.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server' }, [
    {
      id: 'error.legacy.resource-not-found',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'A resource that does not exist gets -32002.',
    },
    {
      id: 'error.legacy.unknown-tool',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'An unknown tool gets -32602; what a tool itself says went wrong is a result with isError.',
    },
    {
      id: 'error.legacy.method-unknown',
      level: 'SHOULD',
      at: 'error-handling',
      text: 'An unknown method gets -32601, in band.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic' }, [
    {
      id: 'result.modern.type',
      level: 'MUST',
      at: 'result-responses',
      text: 'Every result has a resultType, also where the server is legacy.',
    },
    {
      id: 'result.modern.server-info',
      level: 'SHOULD',
      at: '_meta',
      text: 'Every result names the server in _meta.',
    },
    {
      id: 'error.modern.reserved-codes',
      level: 'MUST',
      at: 'error-codes',
      text: 'No code of -32020 to -32099 is sent that the specification does not define.',
    },
    {
      id: 'error.modern.no-32002',
      level: 'MUST',
      at: 'error-codes',
      text: '-32002 is not sent: an unknown resource gets -32602.',
    },
    {
      id: 'error.modern.no-32042',
      level: 'MUST',
      at: 'error-codes',
      text: '-32042 is not sent, also where a 2025 server sent it.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/patterns/mrtr' }, [
    {
      id: 'mrtr.supported-requests',
      level: 'MUST',
      at: 'supported-requests',
      text: 'input_required is the answer of tools/call, prompts/get and resources/read only.',
    },
    {
      id: 'mrtr.declared-only',
      level: 'MUST',
      at: 'server-requirements-basic-workflow',
      text: 'Nothing is asked that the client did not declare.',
    },
    {
      id: 'mrtr.one-of',
      level: 'MUST',
      at: 'server-requirements-basic-workflow',
      text: 'input_required has inputRequests or requestState.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/patterns/mrtr' }, [
    {
      id: 'mrtr.upstream.state-echoed',
      level: 'MUST',
      at: 'client-requirements-basic-workflow',
      text: 'requestState and inputResponses reach the server exactly as the client sent them, on a new id.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/client/elicitation' }, [
    {
      id: 'ask.legacy.declared-only',
      level: 'MUST',
      at: 'capabilities',
      text: 'A client that declared no elicitation, sampling or roots is not asked for them.',
    },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/client/elicitation' }, [
    {
      id: 'ask.upstream.answered',
      level: 'MUST',
      at: 'error-handling',
      text: 'A question of a server is always answered, with an error where nobody can be asked.',
    },
  ]),
];
