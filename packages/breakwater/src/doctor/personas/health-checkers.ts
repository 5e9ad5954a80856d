import { list, listedTools, open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** X6, X9: who only looks whether it still works. */
export const healthCheckers: Persona = {
  id: 'health-checkers',
  title: 'YellowMCP, mcpbeat, smithery-probe, glama, mcpregistry-bot',
  group: 'elsewhere',
  who: 'Monitors that initialize and list, up to every fifteen minutes, and skip notifications/initialized.',
  evidence: 'field notes X6, X9, telemetry',
  fix: 'Serve lists in a session whose handshake was not finished.',
  agent: 'YellowMCP-HealthChecker/1.0',
  script: async (wire) => {
    const { send } = await open(wire, '2025-03-26', { client: 'yellowmcp/1.0' });
    const listed = await list(wire, send);
    return wire.gotIn(listedTools(listed, 'Before initialized, '), listed);
  },
};
