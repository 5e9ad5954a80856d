import { editObject, memberValue } from '../../jsonrpc/raw.ts';
import { isObject } from '../../protocol/capabilities.ts';
import { readAnswers } from './answers.ts';
import type { HeldCalls } from './held-calls.ts';
import { type Member, writeMembers } from './json-object.ts';
import type { ListItem } from './lists.ts';
import { bytesOfMember } from './question.ts';
import { readJsonObject } from './read-json.ts';
import { type RestRequest, refuseRest, urlOf } from './request.ts';
import { sendDescribed } from './send.ts';
import { type RestCall, serveCall } from './serve-call.ts';
import { bytesOf, findItem } from './serve-tool.ts';
import { explainProblem } from './unknown-name.ts';

const NO_ARGUMENTS = Buffer.from('{}');

/** Serves a prompt: GET describes it, or renders it when the query names an argument; POST renders it. */
export async function servePrompt(request: RestRequest, name: string, held: HeldCalls): Promise<void> {
  switch (request.req.method) {
    case 'POST': {
      const body = await readJsonObject(request);
      if (body === undefined) return;
      return await serveCall(request, promptCall(request, name, bytesOf(body), []), held);
    }
    case 'GET':
    case 'HEAD': {
      const found = await findItem(request, 'prompts', name);
      if (found === undefined) return;
      const given = request.req.method === 'GET' ? queryArguments(request, found) : undefined;
      if (given !== undefined) return await serveCall(request, promptCall(request, name, given, []), held);
      return sendDescribed(request, describePrompt(request, found));
    }
    default:
      return refuseRest(request, 'request.method', { allow: 'GET, HEAD, POST, OPTIONS' });
  }
}

/** Serves the answers to what a prompt asked. */
export async function servePromptAnswers(request: RestRequest, name: string, held: HeldCalls): Promise<void> {
  if (request.req.method !== 'POST') return refuseRest(request, 'request.method', { allow: 'POST, OPTIONS' });
  const body = await readJsonObject(request);
  const answers = body === undefined ? undefined : await readAnswers(request, body);
  if (body === undefined || answers === undefined) return;
  return await serveCall(
    request,
    promptCall(request, name, bytesOfMember(body, 'arguments') ?? NO_ARGUMENTS, answers),
    held,
  );
}

function promptCall(request: RestRequest, name: string, given: Buffer, answers: readonly Member[]): RestCall {
  return {
    ask: { method: 'prompts/get', params: writeMembers([['name', name], ['arguments', given], ...answers]) },
    asked: { url: urlOf(request, 'prompts', name, 'answers'), members: [['arguments', given]] },
    explain: (problem) => explainProblem(request, 'prompts', name, problem),
  };
}

// The arguments of a prompt are texts, whatever they look like.
function queryArguments({ query }: RestRequest, found: ListItem): Buffer | undefined {
  const members = argumentNames(found).flatMap((name): Member[] => {
    const value = query.get(name);
    return value === null ? [] : [[name, value]];
  });
  return members.length === 0 ? undefined : writeMembers(members);
}

function argumentNames({ item }: ListItem): string[] {
  const declared = memberValue(item, 'arguments');
  return (Array.isArray(declared) ? declared : []).flatMap((argument) => {
    const name: unknown = isObject(argument) ? argument['name'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
}

function describePrompt(request: RestRequest, found: ListItem): Buffer {
  const call = {
    method: 'POST',
    url: urlOf(request, 'prompts', found.name),
    headers: { 'content-type': 'application/json' },
    body: Object.fromEntries(argumentNames(found).map((name) => [name, 'text'])),
  };
  return editObject(found.item, { url: JSON.stringify(call.url), call: JSON.stringify(call) });
}
