import { editObject, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject } from '../../protocol/capabilities.ts';
import type { RestAnswer } from './answer.ts';
import { readAnswers } from './answers.ts';
import { writtenProblem } from './deliver.ts';
import { exampleOf } from './example.ts';
import type { HeldCalls } from './held-calls.ts';
import { type Member, writeMembers } from './json-object.ts';
import { type ListItem, type ListRead, readList } from './lists.ts';
import { readQueryArguments } from './query-arguments.ts';
import { bytesOfMember } from './question.ts';
import { readJsonObject } from './read-json.ts';
import { type RestRequest, refuseRest, urlOf } from './request.ts';
import { sendBody, sendDescribed } from './send.ts';
import { type RestCall, serveCall } from './serve-call.ts';
import { explainProblem, unknownName } from './unknown-name.ts';

const NO_ARGUMENTS = Buffer.from('{}');

/** Serves a tool: GET describes it, POST calls it; GET with arguments calls one that says it only reads. */
export async function serveTool(request: RestRequest, name: string, held: HeldCalls): Promise<void> {
  switch (request.req.method) {
    case 'POST': {
      const body = await readJsonObject(request);
      if (body === undefined) return;
      return await serveCall(request, toolCall(request, name, bytesOf(body), []), held);
    }
    case 'GET':
    case 'HEAD': {
      const found = await findItem(request, 'tools', name);
      if (found === undefined) return;
      const given = request.req.method === 'GET' ? readOnlyArguments(request, found) : undefined;
      if (given !== undefined) return await serveCall(request, toolCall(request, name, given, []), held);
      return sendDescribed(request, describeTool(request, found));
    }
    default:
      return refuseRest(request, 'request.method', { allow: 'GET, HEAD, POST, OPTIONS' });
  }
}

/** Serves the answers to what a tool asked. */
export async function serveToolAnswers(request: RestRequest, name: string, held: HeldCalls): Promise<void> {
  if (request.req.method !== 'POST') return refuseRest(request, 'request.method', { allow: 'POST, OPTIONS' });
  const body = await readJsonObject(request);
  const answers = body === undefined ? undefined : await readAnswers(request, body);
  if (body === undefined || answers === undefined) return;
  return await serveCall(
    request,
    toolCall(request, name, bytesOfMember(body, 'arguments') ?? NO_ARGUMENTS, answers),
    held,
  );
}

/** The item of this name; undefined when the request was refused because there is none. */
export async function findItem(
  request: RestRequest,
  kind: 'tools' | 'prompts',
  name: string,
): Promise<ListItem | undefined> {
  const list: ListRead<readonly ListItem[]> = await readList(request, kind);
  const found = list.ok ? list.value.find((item) => item.name === name) : undefined;
  if (found !== undefined) return found;
  const problem = list.ok ? unknownName(request, kind, name, list.value) : list.problem;
  const { status, body, headers } = writtenProblem(request, problem);
  sendBody(request, status, body, headers);
  return undefined;
}

function toolCall(request: RestRequest, name: string, given: Buffer, answers: readonly Member[]): RestCall {
  return {
    ask: { method: 'tools/call', params: writeMembers([['name', name], ['arguments', given], ...answers]) },
    asked: { url: urlOf(request, 'tools', name, 'answers'), members: [['arguments', given]] },
    explain: (problem) => explainProblem(request, 'tools', name, problem),
    review: (answer) => reviewError(request, name, answer),
  };
}

// Servers of the older SDK say "no such tool" with a result; who calls by URL looks at the status.
async function reviewError(request: RestRequest, name: string, answer: RestAnswer): Promise<RestAnswer> {
  if (answer.kind !== 'result' || memberValue(answer.result, 'isError') !== true) return answer;
  const list = await readList(request, 'tools');
  if (!list.ok || list.value.some((item) => item.name === name)) return answer;
  const problem = unknownName(request, 'tools', name, list.value);
  const { bytes, start, end } = answer.result;
  const result: unknown = JSON.parse(bytes.toString('utf8', start, end));
  return { kind: 'problem', problem: { ...problem, extra: { ...problem.extra, result } } };
}

function readOnlyArguments(request: RestRequest, { item }: ListItem): Buffer | undefined {
  const annotations = memberValue(item, 'annotations');
  if (!isObject(annotations) || annotations['readOnlyHint'] !== true) return undefined;
  return readQueryArguments(request.query, memberValue(item, 'inputSchema'));
}

function describeTool(request: RestRequest, found: ListItem): Buffer {
  const call = {
    method: 'POST',
    url: urlOf(request, 'tools', found.name),
    headers: { 'content-type': 'application/json' },
    body: exampleOf(memberValue(found.item, 'inputSchema')),
  };
  return editObject(found.item, {
    url: JSON.stringify(call.url),
    call: JSON.stringify(call),
  });
}

/** The bytes of a scanned object. */
export function bytesOf({ bytes, start, end }: RawObject): Buffer {
  return bytes.subarray(start, end);
}
