import { type CallRecord, connectLegacy, connectModern, type FleetClient, type Tool } from './clients.ts';
import type { Route, TestFleet } from './fleet.ts';

/** Clients at work until they are told to stop. */
export interface Load {
  /** What was called and answered so far. */
  readonly records: readonly CallRecord[];
  /** Calls that have not ended. */
  readonly open: number;
  /** Lets running calls end, and resolves when all have. */
  stop(): Promise<readonly CallRecord[]>;
}

const ROUTES: readonly Route[] = ['/stdio', '/legacy', '/modern'];
const SLOW_MS = 900;
const PAUSE_MS = 30;

/** Connects clients of both eras to every route and lets each call one tool after the other; neighbours stand at different steps. */
export async function startLoad(fleet: TestFleet, name: string, perRoute = 3): Promise<Load> {
  const clients: { readonly client: FleetClient; readonly tools: readonly Tool[] }[] = [];
  for (const route of ROUTES) {
    for (let at = 0; at < perRoute; at++) {
      const id = `${name}${route.replace('/', '-')}-${at}`;
      const tools = rotated<Tool>(['ask', 'note', 'slow', 'note', 'ask', 'slow'], at);
      clients.push({ client: await connectLegacy(`${id}-v1`, fleet.url(route)), tools });
      clients.push({ client: await connectModern(`${id}-v2`, fleet.url(route)), tools });
    }
  }
  const records: CallRecord[] = [];
  let open = 0;
  let isOver = false;
  const loops = clients.map(async ({ client, tools }, at) => {
    for (let turn = at; !isOver; turn++) {
      open++;
      records.push(await client.call(tools[turn % tools.length] ?? 'note', SLOW_MS));
      open--;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  });
  return {
    records,
    get open() {
      return open;
    },
    async stop() {
      isOver = true;
      await Promise.all(loops);
      // Closing afterwards: a session that ends takes its calls with it.
      await Promise.all(clients.map(({ client }) => client.close()));
      return records;
    },
  };
}

function rotated<T>(values: readonly T[], by: number): readonly T[] {
  return [...values.slice(by), ...values.slice(0, by)];
}
