import { ALL, type Requirement, SESSIONFUL, section } from './requirement.ts';

/** Origin, Host, session ids, tokens. */
export const SECURITY: readonly Requirement[] = [
  ...section(
    { side: 'downstream', revisions: ALL, transport: 'streamable-http', page: '2025-11-25/basic/transports' },
    [
      {
        id: 'security.origin',
        level: 'MUST',
        at: 'security-warning',
        text: 'An Origin that is not allowed gets 403, on every path and verb.',
      },
      {
        id: 'security.rebinding',
        level: 'MUST',
        at: 'security-warning',
        text: 'DNS rebinding is prevented: a Host that is not ours gets 403 too.',
      },
      {
        id: 'security.localhost',
        level: 'SHOULD',
        at: 'security-warning',
        text: 'Run locally, the gateway listens on loopback only.',
      },
    ],
  ),
  ...section(
    {
      side: 'downstream',
      revisions: SESSIONFUL,
      transport: 'streamable-http',
      page: '2025-11-25/basic/security_best_practices',
    },
    [
      {
        id: 'security.session-not-authentication',
        level: 'MUST',
        at: 'session-hijacking',
        text: 'A session id proves nothing: with another principal it is unknown.',
      },
      {
        id: 'security.session-bound',
        level: 'SHOULD',
        at: 'session-hijacking',
        text: 'Sessions are bound to their user, and event ids to their session.',
      },
    ],
  ),
  ...section({ side: 'upstream', revisions: ALL, transport: 'any', page: '2025-11-25/basic/authorization' }, [
    {
      id: 'security.no-token-passthrough',
      level: 'MUST',
      at: 'access-token-privilege-restriction',
      text: 'Credentials of the client never reach a server; only configured ones do.',
    },
  ]),
];
