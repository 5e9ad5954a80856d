import { memberBytes, memberObject, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { isObject } from '../../protocol/capabilities.ts';
import { exampleOf } from './example.ts';
import { type Member, writeMembers } from './json-object.ts';

/** The request whose server asks something. */
export interface Asked {
  /** Where the answers are posted. */
  readonly url: string;
  /** What the answers are posted with, so that it is the same request again. */
  readonly members: readonly Member[];
}

/** An original request longer than this is not repeated to its sender. */
const MOST_REPEATED_BYTES = 65_536;
const MOST_QUESTIONS = 64;

/** The body of an answer that asks: the questions, the state, and the very request that answers them. */
export function writeQuestions(requests: RawObject | undefined, state: string | undefined, asked: Asked): Buffer {
  const questions = requests?.members.slice(0, MOST_QUESTIONS) ?? [];
  const answers = questions.map(({ key }): Member => [key, exampleAnswer(requests, key)]);
  return writeMembers([
    ['inputRequired', requests === undefined ? {} : requests.bytes.subarray(requests.start, requests.end)],
    ['requestState', state],
    [
      'how',
      writeMembers([
        ['text', textFor(questions.length, requests, questions[0]?.key)],
        ['method', 'POST'],
        ['url', asked.url],
        ['headers', { 'content-type': 'application/json' }],
        [
          'body',
          writeMembers([
            ...asked.members.map(shorten),
            ['requestState', state],
            ['inputResponses', writeMembers(answers)],
          ]),
        ],
      ]),
    ],
  ]);
}

function shorten([key, value]: Member): Member {
  return Buffer.isBuffer(value) && value.length > MOST_REPEATED_BYTES
    ? [key, { '…': 'the same as before' }]
    : [key, value];
}

function textFor(count: number, requests: RawObject | undefined, first: string | undefined): string {
  if (count === 0) return 'The server asks you to send the same request again with this requestState.';
  const method = first === undefined || requests === undefined ? undefined : methodOf(requests, first);
  const kinds: Readonly<Record<string, string>> = {
    'elicitation/create':
      'For a form, answer {"action":"accept","content":{…}} with content that fits requestedSchema, or {"action":"decline"} or {"action":"cancel"}; for a url, open the page, then answer {"action":"accept"}.',
    'sampling/createMessage': 'Complete the messages with a language model and answer with what it wrote.',
    'roots/list': 'Answer with the roots you allow; an empty list is an answer.',
  };
  const kind = method !== undefined && Object.hasOwn(kinds, method) ? kinds[method] : undefined;
  return [
    'The server needs answers before it goes on. Send this body to this url, with the same arguments, the requestState, and one answer in inputResponses for each key of inputRequired; the values shown are examples.',
    kind,
  ]
    .filter((sentence) => sentence !== undefined)
    .join(' ');
}

function methodOf(requests: RawObject, key: string): string | undefined {
  const question = memberObject(requests, key);
  const method = question === undefined ? undefined : memberValue(question, 'method');
  return typeof method === 'string' ? method : undefined;
}

function exampleAnswer(requests: RawObject | undefined, key: string): object {
  if (requests === undefined) return {};
  const question = memberObject(requests, key);
  const params = question === undefined ? undefined : memberValue(question, 'params');
  switch (methodOf(requests, key)) {
    case 'sampling/createMessage':
      return { role: 'assistant', content: { type: 'text', text: 'text' }, model: 'your-model', stopReason: 'endTurn' };
    case 'roots/list':
      return { roots: [] };
    default: {
      const schema = isObject(params) ? params['requestedSchema'] : undefined;
      return schema === undefined ? { action: 'accept' } : { action: 'accept', content: exampleOf(schema) };
    }
  }
}

/** The bytes of a member of what a caller posted; undefined when it is absent. */
export function bytesOfMember(object: RawObject, key: string): Buffer | undefined {
  const member = object.members.findLast((candidate) => candidate.key === key);
  return member === undefined ? undefined : memberBytes(object, member);
}
