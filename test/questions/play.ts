import type { Kind } from './askers/words.ts';

/** What becomes of a question. */
export const ANSWERS = ['accept', 'decline', 'cancel', 'never', 'twice', 'wrong principal', 'expired'] as const;

/** One of {@link ANSWERS}. */
export type AnswerKind = (typeof ANSWERS)[number];

/** One cell of the matrix, as a client plays it. */
export interface Play {
  readonly kind: Kind;
  readonly answer: AnswerKind;
  /** What the server's journal knows this call by. */
  readonly key: string;
  /** How long the server waits for an answer, where it is the one who gives up. */
  readonly patienceMs?: number;
  /** The server is to hand out a state that is past its time already. */
  readonly lapsed?: boolean;
}

/** What came of it. */
export interface Played {
  /** What the call gave: the tool's text, `isError: …`, `error CODE: …`, or `input_required` where the client did not come back. */
  readonly call: string;
  /** How many questions the client was asked. */
  readonly asked: number;
  /** What an attacker was told. */
  readonly attack?: string;
}

/** A client that plays cells, one at a time. */
export interface Player {
  play(play: Play): Promise<Played>;
  /** What the server noted about a call, once a note begins with `until`. */
  seen(key: string, until?: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** The answer of an honest user. */
export function honest(kind: Kind, action: 'accept' | 'decline' | 'cancel' = 'accept'): Record<string, unknown> {
  return answerOf(kind, action, 'Ann');
}

/** An answer that must never reach the server. */
export function forged(kind: Kind): Record<string, unknown> {
  return answerOf(kind, kind === 'url' ? 'decline' : 'accept', 'Mallory');
}

/** What a user's client says in an error when the user does not want to, for kinds whose results cannot say so. */
export function refusal(action: 'decline' | 'cancel'): Error & { readonly code: number } {
  const [code, text] = action === 'decline' ? [-1, 'User rejected the request.'] : [-32000, 'The user went away.'];
  return Object.assign(new Error(text), { code });
}

/** True for kinds whose answer has an action. */
export function hasAction(kind: Kind): boolean {
  return kind === 'form' || kind === 'url';
}

/** Says in one line how a call ended. */
export async function describeCall(call: Promise<unknown>): Promise<string> {
  try {
    return describeResult(await call);
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    return `error ${String(code)}: ${withoutPrefix(message)}`;
  }
}

/** Says in one line what a result holds. */
export function describeResult(result: unknown): string {
  const { content, isError, resultType } = result as Result;
  if (resultType === 'input_required') return 'input_required';
  const text = content?.map((block) => block.text).join(' ') ?? '';
  return isError === true ? `isError: ${withoutPrefix(text)}` : text;
}

/** What SDK v1 puts before the text of every error. */
export function withoutPrefix(text: string): string {
  return text.replace(/MCP error -?\d+: /, '');
}

interface Result {
  readonly content?: readonly { readonly text?: string }[];
  readonly isError?: boolean;
  readonly resultType?: string;
}

/** One POST that a client sent. */
export interface SentPost {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A `fetch` that says who asks, and remembers the last POST: an attacker who can read the wire starts from there. */
export function fetchAs(principal: string): { readonly fetch: typeof fetch; lastPost(): SentPost } {
  let last: SentPost | undefined;
  return {
    fetch: (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('x-test-principal', principal);
      if (init?.method === 'POST') last = { url: String(input), headers, body: String(init.body) };
      return fetch(input, { ...init, headers });
    },
    lastPost: () => {
      if (last === undefined) throw new TypeError('nothing was sent');
      return last;
    },
  };
}

/** Sends a message as somebody else, with everything that a client sent in its headers. */
export async function sendAsMallory({ url, headers }: SentPost, message: object): Promise<Response> {
  const own = new Headers(headers);
  own.set('x-test-principal', 'mallory');
  return await fetch(url, { method: 'POST', headers: own, body: JSON.stringify(message) });
}

function answerOf(kind: Kind, action: string, name: string): Record<string, unknown> {
  switch (kind) {
    case 'form':
      return action === 'accept' ? { action, content: { name } } : { action };
    case 'url':
      return { action };
    case 'sampling':
      return { role: 'assistant', model: 'test', content: { type: 'text', text: name } };
    case 'roots':
      return { roots: [{ uri: `file:///${name.toLowerCase()}` }] };
  }
}
