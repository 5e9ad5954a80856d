import type { JsonObject } from '../protocol/capabilities.ts';
import { LATEST_LEGACY } from '../protocol/revision.ts';
import type { Answer } from './answer.ts';
import { INITIALIZED, type InitializeInit, initialize, listTools, request } from './messages.ts';
import { chooseCall } from './safe-tools.ts';
import { type Send, SSE } from './send.ts';
import type { Stream } from './stream.ts';
import { lessonOf } from './teaching.ts';
import { Refused, type Wire } from './wire.ts';

/** What a client sends with everything after `initialize`. */
export interface Opened {
  readonly answer: Answer;
  /** Session id and version header, and the path that was spoken to. */
  readonly send: Send;
}

/** Sends `initialize` and needs a result with a revision. */
export async function open(wire: Wire, revision: string, init: InitializeInit = {}, send: Send = {}): Promise<Opened> {
  const answer = await wire.post(initialize(revision, init), send);
  const negotiated = answer.result?.['protocolVersion'];
  wire.need(answer, typeof negotiated === 'string', 'initialize is answered with a result');
  const version = String(negotiated);
  return { answer, send: { ...send, sid: answer.sessionId, version } };
}

/** The legacy handshake as the official clients do it: initialize, then notifications/initialized with session and version. */
export async function shakeHands(
  wire: Wire,
  revision: string = LATEST_LEGACY,
  init: InitializeInit = {},
  send: Send = {},
): Promise<Opened> {
  const opened = await open(wire, revision, init, send);
  const done = await wire.post(INITIALIZED, opened.send);
  wire.need(done, done.ok, 'notifications/initialized is accepted');
  return opened;
}

/** Lists the tools and needs the list. */
export async function list(wire: Wire, send: Send = {}, id: string | number = 2): Promise<Answer> {
  const answer = await wire.post(listTools(id), send);
  wire.need(answer, answer.list('tools') !== undefined, 'tools/list is answered with tools');
  return answer;
}

/** Lists resources and prompts; a list, or “method not found”, is a good answer to each. */
export async function listRest(wire: Wire, send: Send): Promise<void> {
  for (const [id, name] of [
    [3, 'resources'],
    [4, 'prompts'],
  ] as const) {
    const answer = await wire.post(request(id, `${name}/list`), send);
    wire.need(
      answer,
      answer.list(name) !== undefined || answer.error?.code === -32601,
      `${name}/list is answered with a list or -32601`,
    );
  }
}

/** Calls a tool that only reads, when there is one that can be called without knowing it; undefined when there is none. */
export async function callSafely(
  wire: Wire,
  listed: Answer,
  send: Send,
  id: string | number = 5,
): Promise<Answer | undefined> {
  const call = chooseCall(listed.list('tools') ?? [], wire.allowedTools);
  if (call === undefined) {
    wire.remark(false, 'No tool was called: none says readOnlyHint and takes arguments that can be made up.');
    return undefined;
  }
  const answer = await wire.post(request(id, 'tools/call', call), send);
  wire.need(
    answer,
    answer.result !== undefined || answer.error !== undefined,
    `tools/call of ${call.name} is answered`,
  );
  return answer;
}

/** How long a client waits for the head of a stream before it goes on without. */
const STREAM_HEAD_MS = 2_000;

/**
 * Opens a session's standing stream as the official clients do: 405 means that there is none, and one whose head does not come holds nobody
 * up. Anything else ends the visit.
 */
export async function openStanding(wire: Wire, send: Send): Promise<Stream | undefined> {
  try {
    return await wire.stream({ ...send, waitMs: STREAM_HEAD_MS });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { answer } = error;
    wire.need(answer, answer.status === 405 || answer.status === 0, 'GET opens a stream or is refused with 405');
    wire.remark(answer.status !== 0, 'The session’s stream sends no head before its first event.');
    return undefined;
  }
}

/** Looks at a session's standing stream in passing; what comes of it decides nothing. */
export async function peekStanding(wire: Wire, send: Send): Promise<void> {
  const stream = await wire.send({ ...send, method: 'GET', accept: SSE, waitMs: STREAM_HEAD_MS });
  wire.remark(
    stream.ok || stream.status === 405 || stream.status === 0,
    `The session’s stream was refused: ${stream.describe()}.`,
  );
}

/** The reason for “got in” of whoever listed tools. */
export function listedTools(answer: Answer, before = ''): string {
  const tools: readonly JsonObject[] = answer.list('tools') ?? [];
  return `${before}tools/list gave ${tools.length} ${tools.length === 1 ? 'tool' : 'tools'}.`;
}

/** Ends a session as the official clients do: what comes of it is nobody's loss. */
export async function end(wire: Wire, send: Send): Promise<Answer> {
  const answer = await wire.send({ ...send, method: 'DELETE' });
  wire.remark(answer.ok || answer.status === 405, `DELETE was answered ${answer.describe()}; the session may live on.`);
  return answer;
}

/** Reads documents: got in when one can be used, told when every refusal teaches; the first that does neither ends the visit. */
export async function readDocuments(
  wire: Wire,
  paths: readonly string[],
  isUsable: (answer: Answer) => boolean,
  wanted: string,
): Promise<{ readonly used: readonly Answer[] }> {
  const answers: Answer[] = [];
  for (const path of paths) answers.push(await wire.get(path));
  const used = answers.filter((answer) => answer.ok && !answer.isStream && isUsable(answer));
  if (used.length > 0) return { used };
  const mute = answers.find((answer) => lessonOf(answer, wire.target, {}) === undefined);
  const [first] = answers;
  const last = mute ?? first;
  if (last !== undefined) wire.need(last, false, wanted);
  return { used };
}
