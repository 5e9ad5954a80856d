import { LAST_TOOL } from '../upstream-bodies.ts';
import { writeCallText } from './call.ts';
import { LegacySession } from './legacy-session.ts';
import type { Load, LoadClient } from './load.ts';
import { checkLargeResult, checkText, readArray, readResult } from './replies.ts';

/** What 100 sessions of the field do, from the field notes; each session also ends with DELETE. */
const PER_100_SESSIONS = { toolsList: 118, initialized: 98, promptsList: 69, resourcesList: 61, toolsCall: 3 };

/** Sessions as the field opens them: a storm of handshakes and lists with hardly a call among them. */
export const fieldMixLoad: Load = {
  name: 'field-mix',
  client: 'legacy',
  upstream: 'legacy',
  title:
    'whole legacy sessions: 100 initialize : 118 tools/list : 98 initialized : 69 prompts/list : 61 resources/list : 3 call, + DELETE',
  unit: 'session',
  clients: 32,
  paired: false,
  createClient,
};

/** The same over a program on stdio, where a session is what peers start a program for. */
export const fieldMixStdioLoad: Load = {
  ...fieldMixLoad,
  name: 'field-mix-stdio',
  title: `${fieldMixLoad.title}, the server a program on stdio`,
  over: 'stdio',
};

/** Spreads clients over the 100-session pattern, so that not all 32 send the rare call at once. */
let clientsCreated = 0;

function createClient(url: URL): LoadClient {
  const session = new LegacySession(url);
  clientsCreated += 1;
  let round = (clientsCreated * 37) % 100;
  return {
    async open() {
      // Each step is a session of its own.
    },
    async step() {
      round += 1;
      return runSession(session, round);
    },
    close: () => session.close(),
  };
}

async function runSession(session: LegacySession, round: number): Promise<number> {
  let requests = 2;
  await session.initialize();
  requests += await repeat(share(PER_100_SESSIONS.initialized, round), () => session.confirm());
  requests += await repeat(share(PER_100_SESSIONS.toolsList, round), async () => {
    checkLargeResult(await session.request('tools/list', '{}'), session.lastId, `"${LAST_TOOL}"`, 35_000);
  });
  requests += await repeat(share(PER_100_SESSIONS.promptsList, round), async () => {
    readArray(readResult(await session.request('prompts/list', '{}'), session.lastId), 'prompts');
  });
  requests += await repeat(share(PER_100_SESSIONS.resourcesList, round), async () => {
    readArray(readResult(await session.request('resources/list', '{}'), session.lastId), 'resources');
  });
  requests += await repeat(share(PER_100_SESSIONS.toolsCall, round), async () => {
    const text = writeCallText(round);
    const reply = await session.request('tools/call', `{"name":"echo","arguments":{"text":"${text}"}}`);
    checkText(readResult(reply, session.lastId), text);
  });
  await session.end();
  return requests;
}

/** How often something that happens `per100` times in 100 sessions happens in this one; exact over any 100 rounds in a row. */
function share(per100: number, round: number): number {
  return Math.floor(((round + 1) * per100) / 100) - Math.floor((round * per100) / 100);
}

async function repeat(times: number, act: () => Promise<void>): Promise<number> {
  for (let done = 0; done < times; done += 1) await act();
  return times;
}
