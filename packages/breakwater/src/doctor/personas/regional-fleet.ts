import { end, list, listedTools, listRest, open, shakeHands } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C22: thirteen identical steps from three regions. */
export const regionalFleet: Persona = {
  id: 'regional-fleet',
  title: 'AWS multi-region fleet, python-httpx',
  group: 'later',
  who: 'Three regions, the same thirteen steps: errors and OPTIONS first, HEAD on login paths, then a session by the book.',
  evidence: 'field notes C22, access log; Fetch standard (CORS preflight)',
  fix: 'Answer OPTIONS with 204 and CORS headers, and refuse unknown paths with JSON.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    await open(wire, '2025-06-18');
    const bad = await wire.post('{', {});
    wire.remark(bad.isJson && bad.status < 500, `Broken JSON was answered ${bad.describe()}.`);
    await wire.post(listTools());
    const options = await wire.send({
      method: 'OPTIONS',
      accept: '*/*',
      headers: [
        ['Origin', wire.target.url.origin],
        ['Access-Control-Request-Method', 'POST'],
        ['Access-Control-Request-Headers', 'mcp-session-id'],
      ],
    });
    wire.remark(
      options.ok && options.header('access-control-allow-origin') !== undefined,
      `OPTIONS was answered ${options.describe()}: no page can use this server.`,
    );
    for (const path of ['/authorize', '/consent', '/callback', '/login'])
      await wire.send({ method: 'HEAD', path, accept: '*/*' });
    const { send } = await shakeHands(wire, '2025-06-18');
    const listed = await list(wire, send);
    await listRest(wire, send);
    await end(wire, send);
    const after = await wire.get();
    wire.remark(after.ok, `GET after the session was answered ${after.describe()}.`);
    return wire.gotIn(listedTools(listed, 'All lists were served; '), listed);
  },
};
