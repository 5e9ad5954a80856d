import type { Persona } from '../persona.ts';
import { BOTH } from '../send.ts';
import { knock } from '../siege.ts';

/** A page whose own name now resolves to this machine. */
export const dnsRebinding: Persona = {
  id: 'dns-rebinding',
  title: 'DNS rebinding',
  group: 'hostile',
  who: 'A web page whose own host name was made to resolve to this server, so that the browser sees no foreign origin.',
  evidence: 'MCP transports §Security Warning; GHSA-w48q-cv73-mx4w (TypeScript SDK), GHSA-9h52-p55h-vw2f (Python SDK)',
  fix: 'Answer a Host that is not yours with 403 or 421.',
  script: (wire) => {
    const host = `rebound.example${wire.target.url.port === '' ? '' : `:${wire.target.url.port}`}`;
    const head = (length: number) =>
      [
        ['Host', host],
        ['Origin', `http://${host}`],
        ['Accept', BOTH],
        ['Content-Type', 'application/json'],
        ...wire.extra,
        ['Content-Length', String(length)],
        ['Connection', 'close'],
      ] as const;
    return knock(wire, { headFor: head }, `Host: ${host}`);
  },
};
