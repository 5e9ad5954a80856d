import { acceptsOf } from '../../wire/content-type.ts';
import { headerOf } from '../inbound.ts';
import { makerOf, passOn } from '../pass-on.ts';
import { type AnswerForm, type Written, writeAnswer } from './deliver.ts';
import { EventFeed } from './event-feed.ts';
import { type RestAsk, startExchange } from './exchange.ts';
import type { HeldCall } from './held-call.ts';
import type { HeldCalls } from './held-calls.ts';
import { readPrefer } from './prefer.ts';
import { isCrossSite, type RestRequest, refuseRest } from './request.ts';
import { sendBody } from './send.ts';

/** Something to ask of a server, and how its answer is written. */
export interface RestCall extends AnswerForm {
  readonly ask: Omit<RestAsk, 'live'>;
  /** Writes a result in another form than JSON; true when it did. */
  readonly send?: (written: Written) => boolean;
}

/** Runs a call in the way its caller asked for: waiting, listening, or to be fetched later. Resolves when the answer is given. */
export async function serveCall(request: RestRequest, call: RestCall, held: HeldCalls): Promise<void> {
  // Attack: a link or an image on any page makes the browser of somebody behind this gateway call a tool.
  if (isCrossSite(request)) {
    const detail =
      'A page of another site sent this request without asking, or may have: nothing in it says otherwise.';
    const how = 'Send the arguments by POST as application/json, or the header X-Requested-With with any value.';
    return refuseRest(request, 'request.origin', { detail, how });
  }
  const { respondAsync, waitMs } = readPrefer(headerOf(request.req, 'prefer'));
  if (respondAsync) return await serveLater(request, call, held, waitMs);
  return wantsEvents(request) ? await serveEvents(request, call) : await serveWaiting(request, call);
}

/** Whether the caller asks for an event stream and not just takes one. */
export function wantsEvents({ req }: RestRequest): boolean {
  const { explicitJson, explicitSse } = acceptsOf(headerOf(req, 'accept'));
  return explicitSse && !explicitJson;
}

function serveWaiting(request: RestRequest, call: RestCall): Promise<void> {
  const { res } = request;
  return new Promise((resolve, reject) => {
    let stop: ((reason: string) => void) | undefined;
    const onClose = (): void => {
      stop?.('client disconnected');
      resolve();
    };
    res.once('close', onClose);
    stop = startExchange(
      request,
      { ...call.ask, live: false },
      {
        notify: () => true,
        onceDrained: (run) => run(),
        done: (answer) => {
          writeAnswer(request, answer, call)
            .then((written) => {
              res.off('close', onClose);
              if (call.send?.(written) !== true) sendBody(request, written.status, written.body, written.headers);
            })
            .then(resolve, reject);
        },
      },
    );
    // Who left before it started has cancelled.
    if (res.destroyed) onClose();
  });
}

function serveEvents(request: RestRequest, call: RestCall): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop: ((reason: string) => void) | undefined;
    const feed = new EventFeed(request, () => {
      stop?.('client disconnected');
      resolve();
    });
    stop = startExchange(
      request,
      { ...call.ask, live: true },
      {
        notify: (event, data) => feed.send(event, data),
        onceDrained: (run) => feed.onceDrained(run),
        done: (answer) => {
          stop = undefined;
          writeAnswer(request, answer, call).then((written) => feed.finish(written), reject);
        },
      },
    );
    if (request.res.destroyed) stop('client disconnected');
  });
}

async function serveLater(request: RestRequest, call: RestCall, held: HeldCalls, waitMs: number): Promise<void> {
  const started = held.start(request, { ...call.ask, live: true }, call);
  if (started === undefined) {
    const detail = 'Too many calls are held for you or for all callers together.';
    return refuseRest(request, 'request.rate', { detail });
  }
  if (waitMs > 0) await waitFor(request, started, waitMs);
  const { outcome } = started;
  // Nobody knows the id of a call whose caller left before it was told.
  if (request.res.destroyed) return held.release(started, 'client-gone');
  if (outcome !== undefined && waitMs > 0) {
    held.release(started, 'answered');
    return sendBody(request, outcome.status, outcome.body, outcome.headers);
  }
  sendBody(request, 202, started.describe(), {
    location: started.url,
    'retry-after': '1',
    'preference-applied': 'respond-async',
  });
}

function waitFor(request: RestRequest, call: HeldCall, waitMs: number): Promise<void> {
  const { res, context } = request;
  return new Promise((resolve) => {
    const watcher = { event: () => true, over: () => leave() };
    const timer = context.deps.clock.after(waitMs, () => leave());
    const leave = (): void => {
      timer.clear();
      call.watchers.delete(watcher);
      res.off('close', leave);
      resolve();
    };
    if (call.outcome !== undefined) return leave();
    call.watchers.add(watcher);
    res.once('close', leave);
    if (res.destroyed) leave();
  });
}

/** Serves the state of a held call, its events, or its end. */
export async function serveHeldCall(request: RestRequest, id: string, held: HeldCalls): Promise<void> {
  const { req, res } = request;
  const call = held.find(request, id);
  const holder = call === undefined ? makerOf(request, id) : undefined;
  if (holder !== undefined && (await passOn(request, holder, undefined))) return;
  if (call === undefined) return refuseRest(request, 'call.unknown');
  if (req.method === 'DELETE') {
    held.release(call, 'client');
    res.writeHead(204);
    res.end();
    return;
  }
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    return refuseRest(request, 'request.method', { allow: 'GET, HEAD, DELETE, OPTIONS' });
  }
  if (req.method === 'GET' && wantsEvents(request)) return await serveHeldEvents(request, call);
  sendBody(request, 200, call.describe(), call.outcome === undefined ? { 'retry-after': '1' } : {});
}

function serveHeldEvents(request: RestRequest, call: HeldCall): Promise<void> {
  return new Promise((resolve) => {
    const watcher = {
      event: (event: 'progress' | 'log', data: Buffer) => feed.send(event, data),
      over: ({ outcome }: HeldCall) => {
        if (outcome === undefined) request.res.destroy();
        else feed.finish(outcome);
      },
    };
    const feed = new EventFeed(request, () => {
      call.watchers.delete(watcher);
      resolve();
    });
    if (request.res.destroyed) return;
    feed.open();
    if (call.progress !== undefined) feed.send('progress', call.progress);
    if (call.outcome === undefined) call.watchers.add(watcher);
    else watcher.over(call);
  });
}
