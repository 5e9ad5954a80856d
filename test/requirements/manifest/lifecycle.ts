import { LEGACY, MODERN, type Requirement, section } from './requirement.ts';

/** Opening, version negotiation, discovery and the detection of eras. */
export const LIFECYCLE: readonly Requirement[] = [
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/basic/lifecycle' }, [
    {
      id: 'life.legacy.initialize-answered',
      level: 'MUST',
      at: 'initialization',
      text: 'initialize is answered with the capabilities and the identity of the server.',
    },
    {
      id: 'life.legacy.same-version',
      level: 'MUST',
      at: 'version-negotiation',
      text: 'A supported version that the client proposes is the version of the answer.',
    },
    {
      id: 'life.legacy.counter-offer',
      level: 'MUST',
      at: 'version-negotiation',
      text: 'A version that is not supported is answered with another one that is.',
    },
    {
      id: 'life.legacy.counter-offer-latest',
      level: 'SHOULD',
      at: 'version-negotiation',
      text: 'That other version is the latest the server supports.',
    },
    {
      id: 'life.legacy.respects-version',
      level: 'MUST',
      at: 'operation',
      text: 'After negotiation, messages keep to the negotiated version.',
    },
    {
      id: 'life.legacy.negotiated-capabilities',
      level: 'MUST',
      at: 'operation',
      text: 'Only capabilities that were negotiated are used: none is declared that no upstream has.',
    },
    {
      id: 'life.legacy.quiet-before-initialized',
      level: 'SHOULD',
      at: 'initialization',
      text: 'Before notifications/initialized the client gets no requests but pings.',
    },
  ]),
  ...section({ side: 'upstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/basic/lifecycle' }, [
    {
      id: 'life.upstream.initialize-first',
      level: 'MUST',
      at: 'initialization',
      text: 'The first legacy message to a server is initialize, with version, capabilities and identity.',
    },
    {
      id: 'life.upstream.latest-version',
      level: 'SHOULD',
      at: 'version-negotiation',
      text: 'The version proposed to a server is the latest one supported.',
    },
    {
      id: 'life.upstream.initialized-sent',
      level: 'MUST',
      at: 'initialization',
      text: 'notifications/initialized follows a successful initialize, whatever the downstream client did.',
    },
    {
      id: 'life.upstream.waits-for-answer',
      level: 'SHOULD',
      at: 'initialization',
      text: 'No request but ping goes out before initialize was answered.',
    },
    {
      id: 'life.upstream.counter-offer-accepted',
      level: 'MUST',
      at: 'version-negotiation',
      text: 'A server that answers with an older supported version is spoken to in that version.',
    },
    {
      id: 'life.upstream.unknown-version',
      level: 'SHOULD',
      at: 'version-negotiation',
      text: 'A server that answers with a version nobody supports is left alone.',
    },
    {
      id: 'life.upstream.declared-capabilities',
      level: 'MUST',
      at: 'operation',
      text: 'A server without prompts or resources is never asked for their lists.',
    },
    {
      id: 'life.upstream.timeout',
      level: 'SHOULD',
      at: 'timeouts',
      text: 'Every request has a deadline; when it passes, the server is told by notifications/cancelled.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/versioning' }, [
    {
      id: 'version.modern.unsupported',
      level: 'MUST',
      at: 'protocol-version-negotiation',
      text: 'A version that is not served is answered with -32022, data.supported and data.requested.',
    },
    {
      id: 'version.modern.discover',
      level: 'MUST',
      at: 'protocol-version-negotiation',
      text: 'server/discover is served: supported versions, capabilities, identity.',
    },
    {
      id: 'version.modern.extension-fallback',
      level: 'MUST',
      at: 'extension-negotiation',
      text: 'An extension that only one side has is not relied on: the core behaviour applies.',
    },
  ]),
  ...section({ side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic' }, [
    {
      id: 'version.modern.stateless',
      level: 'MUST',
      at: 'statelessness',
      text: 'Nothing is remembered from earlier requests on a connection: version, capabilities, identity.',
    },
    {
      id: 'version.modern.no-connection-needed',
      level: 'SHOULD',
      at: 'statelessness',
      text: 'Related requests may come over different connections.',
    },
    {
      id: 'version.modern.envelope-required',
      level: 'MUST',
      at: '_meta',
      text: 'A request that lacks protocolVersion or clientCapabilities in _meta gets -32602 with HTTP 400.',
    },
    {
      id: 'version.modern.capability-missing',
      level: 'MUST',
      at: '_meta',
      text: 'A request that needs an undeclared capability gets -32021 with HTTP 400 and data.requiredCapabilities.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic' }, [
    {
      id: 'version.upstream.meta',
      level: 'MUST',
      at: '_meta',
      text: 'Every request to a modern server carries protocolVersion and clientCapabilities in _meta.',
    },
    {
      id: 'version.upstream.client-info',
      level: 'SHOULD',
      at: '_meta',
      text: 'Every request to a modern server carries clientInfo.',
    },
  ]),
  ...section({ side: 'upstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/versioning' }, [
    {
      id: 'version.upstream.cached-verdict',
      level: 'SHOULD',
      at: 'backward-compatibility-with-initialization-based-versions',
      text: 'The era of a server is found out once and remembered.',
    },
    {
      id: 'version.upstream.mutual-version',
      level: 'SHOULD',
      at: 'protocol-version-negotiation',
      text: 'After -32022 a version out of data.supported is used, also when it is a legacy one.',
    },
  ]),
  ...section(
    {
      side: 'upstream',
      revisions: MODERN,
      transport: 'streamable-http',
      page: '2026-07-28/basic/transports/streamable-http',
    },
    [
      {
        id: 'version.upstream.http-fallback',
        level: 'SHOULD',
        at: 'backward-compatibility',
        text: 'A 4xx whose body is no modern error means a legacy server: initialize follows.',
      },
      {
        id: 'version.upstream.http-stays-modern',
        level: 'SHOULD',
        at: 'backward-compatibility',
        text: 'A 400 with a recognised modern error is inspected and never answered with initialize.',
      },
    ],
  ),
];
