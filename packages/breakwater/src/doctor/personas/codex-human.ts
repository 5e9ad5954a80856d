import { shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

const GUESSES = ['/.well-known/mcp-manifest.json', '/api/task_board', '/api/explore', '/llms.txt'];

/** C39: a person with an agent, and the same URL in a browser. */
export const codexHuman: Persona = {
  id: 'codex-human',
  title: 'Codex and a browser',
  group: 'later',
  who: 'An agent that guesses documents until it initializes, and a person who pastes the endpoint into a browser.',
  evidence: 'field notes C39, access log',
  fix: 'Answer a browser’s GET with a page or with JSON, never with an endless stream or a bare error.',
  agent:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0',
  ignoresHeaders: true,
  script: async (wire) => {
    for (const path of GUESSES) await wire.get(path);
    await shakeHands(wire, '2025-06-18', { client: 'codex-mcp-client/0.9.0' });
    const page = await wire.get(undefined, {
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    });
    wire.need(page, page.ok && page.ending === 'complete', 'the endpoint shows something in a browser');
    return wire.gotIn('The agent initialized; the browser was shown something.', page);
  },
};
