import { memberValue } from '../../jsonrpc/raw.ts';
import { headerOf } from '../inbound.ts';
import type { RestAnswer } from './answer.ts';
import { readAnswers } from './answers.ts';
import type { HeldCalls } from './held-calls.ts';
import { type Member, writeMembers } from './json-object.ts';
import { readList } from './lists.ts';
import { nearestNames } from './nearest.ts';
import type { Problem } from './problem.ts';
import { contentTypesOf, namedTypes, type RawContent, rawContentOf } from './raw-content.ts';
import { readJsonObject } from './read-json.ts';
import { type RestRequest, refuseRest, urlOf } from './request.ts';
import { sendBody } from './send.ts';
import { type RestCall, serveCall } from './serve-call.ts';

const MOST_KNOWN = 50;

/** Serves a resource: as JSON, or as its own bytes when the query says `raw` or the Accept header names their type. */
export async function serveResource(request: RestRequest, uri: string, held: HeldCalls): Promise<void> {
  const { method } = request.req;
  if (method !== 'GET' && method !== 'HEAD')
    return refuseRest(request, 'request.method', { allow: 'GET, HEAD, OPTIONS' });
  let raw: RawContent | undefined;
  const call: RestCall = {
    ...resourceCall(request, uri, []),
    review: async (answer) => {
      raw = asksForBytes(request, answer);
      return answer;
    },
    send: (written) => {
      if (written.kind !== 'result' || raw === undefined) return false;
      sendBody(request, 200, raw.bytes, { vary: 'Accept', ...raw.headers });
      return true;
    },
  };
  function asksForBytes({ query, req }: RestRequest, answer: RestAnswer): RawContent | undefined {
    if (answer.kind !== 'result') return undefined;
    const named = namedTypes(headerOf(req, 'accept'));
    const isRaw = query.has('raw') && !['0', 'false'].includes(query.get('raw') ?? '');
    if (!isRaw && (named === undefined || !contentTypesOf(answer.result).some(named))) return undefined;
    return rawContentOf(answer.result, uri, named ?? (() => true));
  }
  return await serveCall(request, call, held);
}

/** Serves the answers to what a resource asked. */
export async function serveResourceAnswers(request: RestRequest, held: HeldCalls): Promise<void> {
  if (request.req.method !== 'POST') return refuseRest(request, 'request.method', { allow: 'POST, OPTIONS' });
  const body = await readJsonObject(request);
  const answers = body === undefined ? undefined : await readAnswers(request, body);
  if (body === undefined || answers === undefined) return;
  const uri = memberValue(body, 'uri');
  if (typeof uri !== 'string') return refuseRest(request, 'params.invalid', { detail: 'The body has no uri.' });
  return await serveCall(request, resourceCall(request, uri, answers), held);
}

function resourceCall(request: RestRequest, uri: string, answers: readonly Member[]): RestCall {
  return {
    ask: { method: 'resources/read', params: writeMembers([['uri', uri], ...answers]) },
    asked: { url: urlOf(request, 'resources', 'answers'), members: [['uri', uri]] },
    explain: (problem) => explainResource(request, uri, problem),
  };
}

// The modern era has one code for bad params and for a resource that is not there; a URI is all there is to be wrong.
async function explainResource(request: RestRequest, uri: string, problem: Problem): Promise<Problem> {
  if (problem.code !== 'params.invalid' && problem.code !== 'resource.unknown') return problem;
  const list = await readList(request, 'resources');
  const names = list.ok ? list.value.map(({ name }) => name) : [];
  if (names.includes(uri)) return problem;
  const near = nearestNames(uri, names);
  return {
    code: 'name.unknown',
    status: 404,
    detail: problem.detail,
    extra: {
      ...problem.extra,
      ...(near.length === 0 ? {} : { didYouMean: near }),
      known: names.slice(0, MOST_KNOWN),
      list: urlOf(request, 'resources'),
      templates: urlOf(request, 'resource-templates'),
    },
  };
}
