import { ALL, LEGACY, MODERN, type Requirement, SESSIONFUL, section } from './requirement.ts';

/** What no revision says, because it concerns only what stands in between. */
export const GATEWAY: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: ALL, transport: 'any', page: 'docs/design/001-seams.md' }, [
    {
      id: 'gateway.isolation.sessions',
      level: 'MUST',
      text: 'Two principals never meet in one upstream session.',
    },
    {
      id: 'gateway.isolation.lists',
      level: 'MUST',
      text: 'A list that a server made for one principal is never shown to another.',
    },
    {
      id: 'gateway.isolation.streams',
      level: 'MUST',
      text: 'Progress, logs and results reach the request they belong to and no other, under equal ids and tokens.',
    },
    {
      id: 'gateway.legs.ids',
      level: 'MUST',
      text: 'No JSON-RPC id and no progress token crosses from one leg to the other.',
    },
    {
      id: 'gateway.legs.headers',
      level: 'MUST',
      text: 'No session id, event id, version or Mcp-* header crosses from one leg to the other.',
    },
    {
      id: 'gateway.legs.meta',
      level: 'MUST',
      text: 'The reserved _meta of a leg stays on it; trace context and foreign keys pass.',
    },
    {
      id: 'gateway.answers-teach',
      level: 'MUST',
      text: 'Every refusal is JSON with a reason, a hint and the address to use.',
    },
    {
      id: 'gateway.always-answered',
      level: 'MUST',
      text: 'A request whose server dies, is unreachable or sends rubbish is answered with an error.',
    },
    {
      id: 'gateway.owner.session',
      level: 'MUST',
      text: 'The end of a session ends its streams, subscriptions, calls and upstream handle.',
    },
    {
      id: 'gateway.owner.connection',
      level: 'MUST',
      text: 'The end of a connection ends what only that connection needed.',
    },
    {
      id: 'gateway.owner.close',
      level: 'MUST',
      text: 'After close nothing is open: sessions, streams, subscriptions, handles, child processes.',
    },
    {
      id: 'gateway.initialize-anew',
      level: 'MUST',
      text: 'initialize with any session id opens a new session and touches no other.',
    },
    {
      id: 'gateway.both-eras',
      level: 'MUST',
      text: 'One endpoint serves both eras at the same time; the body decides.',
    },
    {
      id: 'gateway.initialized-optional',
      level: 'MUST',
      text: 'Clients that skip or repeat notifications/initialized are served.',
    },
  ]),
  ...section({ side: 'downstream', revisions: ALL, transport: 'any', page: 'CONTRIBUTING.md' }, [
    {
      id: 'gateway.bytes.same-era',
      level: 'MUST',
      text: 'Between legs of one revision params and results pass byte for byte.',
    },
    {
      id: 'gateway.bytes.numbers',
      level: 'MUST',
      text: 'Numbers beyond 2^53, their spelling and key order survive every bridge.',
    },
    {
      id: 'gateway.bytes.ids',
      level: 'MUST',
      text: 'A client’s id comes back in its own bytes.',
    },
  ]),
  ...section(
    { side: 'downstream', revisions: SESSIONFUL, transport: 'streamable-http', page: 'docs/design/001-seams.md' },
    [
      {
        id: 'gateway.resume',
        level: 'MUST',
        text: 'A stream that broke is resumed by GET: what was missed comes, once and in order.',
      },
      {
        id: 'gateway.newest-stream-wins',
        level: 'MUST',
        text: 'A second GET stream takes the place of the first.',
      },
      {
        id: 'gateway.no-priming-before-2025-11-25',
        level: 'MUST',
        text: 'Clients of older revisions get no event without data.',
      },
      {
        id: 'gateway.late-response-accepted',
        level: 'MUST',
        text: 'A response to no question is taken with 202 and dropped.',
      },
    ],
  ),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: 'docs/design/001-seams.md' }, [
    {
      id: 'gateway.no-double-execution',
      level: 'MUST',
      text: 'A tool that is not idempotent is never called twice because a session or connection was lost.',
    },
    {
      id: 'gateway.safe-repeat',
      level: 'SHOULD',
      text: 'A read that met a lost session is repeated in the new one, unseen by the client.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: 'docs/design/001-seams.md' }, [
    {
      id: 'gateway.modern-no-legacy-downgrade',
      level: 'MUST',
      text: 'A broken modern claim is refused, never served as legacy.',
    },
    {
      id: 'gateway.repeated-header',
      level: 'MUST',
      text: 'A routing header that occurs twice is refused: a proxy may have read the other one.',
    },
    {
      id: 'gateway.repeated-member',
      level: 'MUST',
      text: 'A body in which a deciding member occurs twice is refused: a server may read the other one.',
    },
  ]),
];
