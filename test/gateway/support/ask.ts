import { callModern, type LegacySession, openSession } from '../../requirements/support/clients.ts';
import { arrayAt, at, textAt } from '../../requirements/support/json.ts';
import type { ClientEra } from './field-mix.ts';

/** A client of either era that asks one thing at a time, as raw HTTP. */
export interface Asker {
  readonly era: ClientEra;
  /** The session of a legacy client. */
  readonly session: LegacySession | undefined;
  /** The whole response message. */
  ask(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** Both eras of clients. */
export const CLIENT_ERAS: readonly ClientEra[] = ['legacy', 'modern'];

/** Makes a client; `principal` says who it is. */
export async function makeAsker(url: string, era: ClientEra, principal = 'tester'): Promise<Asker> {
  const headers = { 'x-test-principal': principal };
  if (era === 'modern') {
    const ask: Asker['ask'] = async (method, params) => {
      const answer = await callModern(url, method, params, { headers });
      return answer.messages().at(-1);
    };
    return { era, session: undefined, ask };
  }
  const session = await openSession(url, { headers });
  return { era, session, ask: async (method, params) => (await session.request(method, params)).messages().at(-1) };
}

/** The names of the tools that a client is shown. */
export async function listTools({ ask }: Asker): Promise<string[]> {
  return namesIn(await ask('tools/list'));
}

/** The names of the tools in a response. */
export function namesIn(message: unknown): string[] {
  return arrayAt(message, 'result', 'tools').map((tool) => textAt(tool, 'name'));
}

/** Calls a tool; resolves with the text of its result, or what came instead. */
export async function callTool({ ask }: Asker, name: string, args: object = {}): Promise<string> {
  const message = await ask('tools/call', { name, arguments: args });
  const text = at(message, 'result', 'content', 0, 'text');
  return typeof text === 'string' ? text : JSON.stringify(message);
}

/** How long a test waits for what must come; a busy machine may need some seconds, and a failure shows only then. */
export const PATIENT = { timeout: 20_000 } as const;
