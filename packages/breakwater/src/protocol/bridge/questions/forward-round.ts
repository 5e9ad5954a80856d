import { RpcCode } from '../../../jsonrpc/message.ts';
import { memberObject, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { LATEST_MODERN } from '../../revision.ts';
import { ACCEPT } from './answer.ts';
import { type Ending, failCall, subjectOf } from './ending.ts';
import { readEntries } from './entries.ts';
import type { AskedPage, AskedQuestion, ForwardCall, ForwardEffect, ForwardState } from './forward-state.ts';
import { canBeAsked, type QuestionKind, questionKind, requiredCapability } from './kind.ts';
import { bridgeQuestion } from './question-form.ts';

/** Questions of one round; a person would be asked all of them at once. */
const MOST_QUESTIONS = 32;

/** What one round of a server's questions means for the client. */
export interface PlannedRound {
  readonly serverKeys: readonly string[];
  readonly open: ReadonlyMap<string, AskedQuestion>;
  /** Answers that need no client: consents given before, and cancels for forms it cannot show. */
  readonly responses: ReadonlyMap<string, Buffer>;
  readonly asks: readonly ForwardEffect[];
  readonly minted: number;
  /** Every url the server waits for. */
  readonly urls: ReadonlySet<string>;
  /** True when all it asks is what the user consented to before. */
  readonly onlyConsented: boolean;
}

/** The round's plan, or the ending when the client cannot be asked what the server needs: nothing is asked then. */
export function planRound(state: ForwardState, requests: RawObject): PlannedRound | Ending {
  const { call } = state;
  const entries = readEntries(requests);
  if (entries === undefined) return invalidUpstream();
  if (entries.length > MOST_QUESTIONS) {
    return failCall(
      { ...call.client, method: call.method },
      `${subjectOf(call.method)} asks too many questions at once.`,
    );
  }
  const open = new Map<string, AskedQuestion>();
  const responses = new Map<string, Buffer>();
  const asks: ForwardEffect[] = [];
  const urls = new Set<string>();
  let minted = state.minted;
  let consented = 0;
  for (const [serverKey, value] of entries) {
    const question = readQuestion(value);
    if (question === undefined) return invalidUpstream();
    const { method, params, kind, url } = question;
    if (url !== undefined) urls.add(url);
    if (url !== undefined && state.consents.has(url)) {
      responses.set(serverKey, ACCEPT);
      consented++;
      continue;
    }
    minted++;
    const page = url === undefined ? undefined : newPage(call, question, url, minted);
    const elicitationId = page?.elicitationId;
    const { revision, profile } = call.client;
    const bridged = bridgeQuestion({ method, params, from: LATEST_MODERN, to: revision, profile, elicitationId });
    if (bridged.ok) {
      const key = `${state.rounds + 1}.${open.size + 1}`;
      open.set(key, { serverKey, method, kind, page });
      asks.push({ type: 'ask', key, method: bridged.method, params: bridged.params });
    } else if ('result' in bridged.answer) responses.set(serverKey, bridged.answer.result);
    else return cannotAsk(call, question, bridged.answer.error.message);
  }
  const serverKeys = entries.map(([key]) => key);
  return { serverKeys, open, responses, asks, minted, urls, onlyConsented: consented === entries.length };
}

/** The ending of a call whose server broke the protocol. Not a tool result: the model could not mend it. */
export function invalidUpstream(): Ending {
  return { kind: 'error', error: { code: RpcCode.internalError, message: 'Upstream sent an invalid message.' } };
}

interface ReadQuestion {
  readonly method: string;
  readonly params: RawObject | undefined;
  readonly kind: QuestionKind;
  readonly url: string | undefined;
}

function readQuestion(value: Buffer): ReadQuestion | undefined {
  const object = scanObject(value);
  const method = object === undefined ? undefined : memberValue(object, 'method');
  if (object === undefined || typeof method !== 'string') return undefined;
  const params = memberObject(object, 'params');
  const kind = questionKind(method, params);
  if (kind === undefined || (params === undefined && kind !== 'roots')) return undefined;
  const url = kind === 'elicit-url' && params !== undefined ? memberValue(params, 'url') : undefined;
  if (kind === 'elicit-url' && typeof url !== 'string') return undefined;
  return { method, params, kind, url: typeof url === 'string' ? url : undefined };
}

function newPage(call: ForwardCall, { params }: ReadQuestion, url: string, minted: number): AskedPage {
  const message = params === undefined ? undefined : memberValue(params, 'message');
  const elicitationId = `${call.idPrefix}-${minted}`;
  return {
    url,
    message: typeof message === 'string' ? message : 'The server asks you to open this page.',
    elicitationId,
  };
}

function cannotAsk(call: ForwardCall, question: ReadQuestion, reason: string): Ending {
  const { kind, url } = question;
  const { revision, profile } = call.client;
  const endedCall = { method: call.method, revision };
  const subject = subjectOf(call.method);
  if (canBeAsked(kind, profile, revision)) {
    return failCall(endedCall, `${subject} needs to ask something that this client cannot take. ${reason}`);
  }
  const data = { requiredCapabilities: requiredCapability(kind) };
  const needs = `${subject} needs to ${describe(kind)}. This client does not support it.`;
  // Shown to a person, never fetched; an address no browser should be sent to is not shown either.
  const isShown = url !== undefined && /^https?:\/\/[\x21-\x7e]{1,2048}$/i.test(url);
  return failCall(endedCall, isShown ? `${needs} Open ${url} in a browser, then call again.` : needs, data);
}

function describe(kind: QuestionKind): string {
  switch (kind) {
    case 'elicit-form':
    case 'elicit-unknown':
      return 'ask the user for input (form)';
    case 'elicit-url':
      return 'ask the user for input (url)';
    case 'sampling':
      return "ask the client's model (sampling)";
    case 'roots':
      return "list the client's roots (roots)";
  }
}

/** True for an ending, false for a plan. */
export function isEnding(planned: PlannedRound | Ending): planned is Ending {
  return 'kind' in planned;
}
