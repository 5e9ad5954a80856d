import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import { type ExchangeEnd, exchangeRecord } from '../core/exchange-record.ts';
import type { ClientFacts } from '../core/ports.ts';
import { isIdToken } from '../jsonrpc/id.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { memberValue, ownText } from '../jsonrpc/raw.ts';
import { writeResult } from '../jsonrpc/write.ts';
import { isLogLevel } from '../protocol/logging.ts';
import { methodTraits } from '../protocol/methods.ts';
import { progressTokenIn } from '../protocol/modern/envelope.ts';
import type { Answer } from './answer.ts';
import { makeExchange } from './exchange-of.ts';
import { accommodates, type Context, type Inbound } from './inbound.ts';
import { ExchangeReply, writeFailure } from './reply.ts';
import type { SessionState } from './session-state.ts';
import { MAX_WATCHED_URIS } from './session-subscription.ts';

/** A legacy client that sends requests: in a session, or without one. */
export interface LegacyCaller {
  readonly inbound: Inbound;
  readonly client: ClientFacts;
  readonly state: SessionState | undefined;
}

const EMPTY_RESULT = Buffer.from('{}');

/** Why a request is not served now; undefined when it is. Counts the accommodations it needs. */
export function admitLegacy(caller: LegacyCaller, message: RequestMessage): GatewayError | undefined {
  const { inbound, state } = caller;
  if (state === undefined) return undefined;
  const { session } = state;
  if (!session.initialized && message.method !== 'ping') {
    if (inbound.route.handshake === 'strict') return new GatewayError('session.handshake');
    if (!accommodates(inbound, 'initialized-skipped')) return new GatewayError('session.handshake');
    session.initialized = true;
    void inbound.context.deps.sessions.settle(session);
  }
  if (state.inFlight >= inbound.context.options.limits.inFlightPerSession) return new GatewayError('request.rate');
  if (state.isRunning(message.id) && !accommodates(inbound, 'duplicate-ids')) {
    return new GatewayError('body.invalid', { message: 'A request with this id is still being served.' });
  }
  return undefined;
}

/** Serves one admitted request: at the edge, or as an exchange. Faults are answered, never thrown. `onSessionEnd` ends what HTTP holds open. */
export function serveLegacy(
  caller: LegacyCaller,
  message: RequestMessage,
  answer: Answer,
  onSessionEnd: () => void,
): void {
  const { method, id } = message;
  switch (method) {
    case 'ping':
      answer.respond(writeResult(id, EMPTY_RESULT), 200);
      return;
    case 'logging/setLevel':
      setLevel(caller, message, answer);
      return;
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      serveWatch(caller, message, answer, onSessionEnd);
      return;
    default: {
      const traits = methodTraits(method);
      const foreign = traits !== undefined && !traits.eras.includes('legacy');
      // `initialize` opens a session and is never served inside of one.
      if (foreign || method === 'initialize') settle(caller, message, answer, new GatewayError('method.unknown'));
      else exchange(caller, message, answer, onSessionEnd);
    }
  }
}

function exchange(caller: LegacyCaller, message: RequestMessage, answer: Answer, onSessionEnd: () => void): void {
  const { inbound, client, state } = caller;
  const token = message.params === undefined ? undefined : progressTokenIn(message.params);
  const progressToken = token !== undefined && isIdToken(token) ? token : undefined;
  const made = makeExchange(inbound, message, {
    client,
    sessionId: state?.session.id,
    progress: progressToken !== undefined,
    logLevel: state?.session.logLevel,
  });
  if (made.traits?.interactive === true) state?.session.noteCall();
  runExchange(caller, { exchange: made, message, progressToken, answer }, onSessionEnd, (reply) =>
    inbound.context.deps.handler.handle(made, reply),
  );
}

/** An exchange of a legacy client with what its answer needs. */
interface LegacyExchange {
  readonly exchange: Exchange;
  readonly message: RequestMessage;
  readonly progressToken: string | undefined;
  readonly answer: Answer;
}

/** Runs an exchange as one of its session's calls, which end with it. `start` hands it to the core and returns what cancels it there. */
export function runExchange(
  caller: LegacyCaller,
  { exchange: made, message, progressToken, answer }: LegacyExchange,
  onSessionEnd: () => void,
  start: (reply: ExchangeReply) => (reason: string) => void,
): void {
  const { state } = caller;
  let stop: ((reason: string) => void) | undefined;
  const over = state?.run({
    id: message.id,
    cancel: () => {
      reply.abandon();
      // While its stream is still there, the client is told that its open questions are withdrawn.
      stop?.('cancelled by client');
      const { message: text, status } = failure(caller, message, new GatewayError('exchange.cancelled'), made.id);
      answer.withdraw(text, status);
    },
    abort: () => {
      reply.abandon();
      onSessionEnd();
      stop?.('session ended');
    },
  });
  const onDone = (): void => over?.();
  const reply = new ExchangeReply({ answer, exchange: made, id: message.id, progressToken, session: state, onDone });
  stop = start(reply);
}

function setLevel(caller: LegacyCaller, message: RequestMessage, answer: Answer): void {
  const { state, inbound } = caller;
  const level = message.params === undefined ? undefined : memberValue(message.params, 'level');
  if (!isLogLevel(level)) {
    const error = new GatewayError('params.invalid', { message: 'params.level must be a log level.' });
    return settle(caller, message, answer, error);
  }
  // Without a session there is nothing the level could be kept for; saying so would help nobody.
  if (state !== undefined) state.session.logLevel = level;
  const settling = state === undefined ? undefined : inbound.context.deps.sessions.settle(state.session);
  // The next request may come to another node.
  if (settling === undefined) settle(caller, message, answer, undefined);
  else void settling.then(() => settle(caller, message, answer, undefined));
}

// It holds its place until the server has answered, also when its client cancelled it: who cancels and asks again must not get past the limit.
function serveWatch(caller: LegacyCaller, message: RequestMessage, answer: Answer, onSessionEnd: () => void): void {
  let isAnswered = false;
  const answerOnce = (run: () => void): void => {
    if (isAnswered) return;
    isAnswered = true;
    run();
  };
  const over = caller.state?.run({
    id: message.id,
    cancel: () =>
      answerOnce(() => {
        const { message: text, status } = failure(caller, message, new GatewayError('exchange.cancelled'), undefined);
        answer.withdraw(text, status);
      }),
    abort: () => answerOnce(onSessionEnd),
  });
  void watch(caller, message, () => isAnswered).then((error) => {
    answerOnce(() => settle(caller, message, answer, error));
    over?.();
  });
}

function endOf(outcome: ExchangeEnd['outcome'], code: ExchangeEnd['code']): ExchangeEnd {
  return { outcome, code, edge: false, upstream: undefined };
}

/** Changes what a session watches, as an exchange: its server is asked. `isOver`: nobody waits for that any more. */
async function watch(
  caller: LegacyCaller,
  message: RequestMessage,
  isOver: () => boolean,
): Promise<GatewayError | undefined> {
  const { inbound, client, state } = caller;
  const uri = message.params === undefined ? undefined : memberValue(message.params, 'uri');
  if (typeof uri !== 'string') return new GatewayError('params.invalid', { message: 'params.uri must be a string.' });
  if (state === undefined) return new GatewayError('session.missing');
  const { journal, emit, clock } = inbound.context.deps;
  const init = { client, sessionId: state.session.id, progress: false, logLevel: undefined };
  const exchange = makeExchange(inbound, message, init);
  let error: GatewayError | undefined;
  try {
    await journal?.begin({ exchange, upstream: undefined });
    if (!isOver())
      error = await changeWatch(inbound.context, state, ownText(uri), message.method === 'resources/subscribe');
  } catch (thrown) {
    error = toGatewayError(thrown);
  }
  const end = isOver() ? endOf('cancelled', undefined) : endOf(error === undefined ? 'ok' : 'failed', error?.code);
  emit({ type: 'exchange', record: exchangeRecord(exchange, clock.now(), end) });
  return error;
}

async function changeWatch(
  context: Context,
  state: SessionState,
  uri: string,
  isWatched: boolean,
): Promise<GatewayError | undefined> {
  if (!isWatched) await state.subscription.remove(context, uri);
  else if (!(await addWatch(context, state, uri))) return new GatewayError('upstream.subscription', { data: { uri } });
  if (state.session.isShared) await context.deps.sessions.vault?.watch(state.session, uri, isWatched);
  return undefined;
}

async function addWatch(context: Context, state: SessionState, uri: string): Promise<boolean> {
  const { vault } = context.deps.sessions;
  // The limit is the session's, wherever its URIs are watched.
  const isShared = vault !== undefined && state.session.isShared;
  if (isShared && !(await vault.mayWatch(state.session, uri, MAX_WATCHED_URIS))) return false;
  return await state.subscription.add(context, uri);
}

function settle(caller: LegacyCaller, message: RequestMessage, answer: Answer, error: GatewayError | undefined): void {
  if (error === undefined) {
    answer.respond(writeResult(message.id, EMPTY_RESULT), 200);
    return;
  }
  const { message: text, status } = failure(caller, message, error, undefined);
  answer.respond(text, status);
}

/** The in-band response for a request that is not served. */
export function failure(
  caller: LegacyCaller,
  message: RequestMessage,
  error: GatewayError,
  exchangeId: string | undefined,
): { readonly message: Buffer; readonly status: number } {
  return writeFailure(error, caller.client.revision, message.id, exchangeId);
}
