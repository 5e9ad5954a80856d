/** SDK v2 at 2026-07-28 in manual mode: questions come as results, and the player decides how to come back. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  describeCall,
  describeResult,
  fetchAs,
  forged,
  hasAction,
  honest,
  type Play,
  type Played,
  type Player,
  sendAsMallory,
} from './play.ts';

const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
/** A call that is still asked after this many rounds asks for ever. */
const MOST_ROUNDS = 6;

/** An `input_required` result. */
interface InputRequired {
  readonly resultType: 'input_required';
  readonly inputRequests?: Readonly<Record<string, unknown>>;
  readonly requestState?: string;
}

/** Connects it. */
export async function connectModern(url: string, principal: string): Promise<Player> {
  const { fetch, lastPost } = fetchAs(principal);
  const client = new Client(
    { name: 'sdk-v2-2026-07-28', version: '1' },
    {
      capabilities: CAPABILITIES,
      inputRequired: { autoFulfill: false },
      versionNegotiation: { mode: { pin: '2026-07-28' } },
    },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));

  const send = async (params: Record<string, unknown>): Promise<unknown> =>
    await client.callTool(params as Parameters<Client['callTool']>[0], { allowInputRequired: true });

  async function seen(key: string, until = ''): Promise<readonly string[]> {
    const result = (await send({ name: 'seen', arguments: { key, until } })) as { content: { text: string }[] };
    return JSON.parse(result.content[0]?.text ?? '[]') as string[];
  }

  async function play({ kind, answer, key, patienceMs, lapsed }: Play): Promise<Played> {
    const args = { key, ...(patienceMs !== undefined && { patienceMs }), ...(lapsed === true && { lapsed }) };
    const params = { name: kind, arguments: args };
    const questions: string[] = [];
    let attack: string | undefined;
    let round: InputRequired | undefined;
    const retry = (responses: Record<string, unknown>): Promise<unknown> => {
      const { requestState } = round ?? {};
      return send({ ...params, inputResponses: responses, ...(requestState !== undefined && { requestState }) });
    };
    const answerAll = (result: Record<string, unknown>): Record<string, unknown> =>
      Object.fromEntries(Object.keys(round?.inputRequests ?? {}).map((name) => [name, result]));
    const take = async (call: Promise<unknown>): Promise<unknown> => {
      const result = await call;
      round = isInputRequired(result) ? result : undefined;
      if (round !== undefined) questions.push(...Object.keys(round.inputRequests ?? {}));
      return result;
    };

    const call = await describeCall(
      (async () => {
        let result = await take(send(params));
        for (let rounds = 0; round !== undefined && rounds < MOST_ROUNDS; rounds++) {
          switch (answer) {
            case 'decline':
            case 'cancel':
              // A model or a list of roots cannot be declined in this revision: the answer is left out, and then given when asked again.
              if (hasAction(kind)) result = await take(retry(answerAll(honest(kind, answer))));
              else result = await take(retry(rounds === 0 ? {} : answerAll(honest(kind))));
              break;
            case 'never':
              return result;
            case 'expired':
              // Only where the server waits is there something that ends without us.
              if (lapsed !== true) await seen(key, patienceMs === undefined ? 'got,failed' : 'failed');
              return await retry(answerAll(honest(kind)));
            case 'twice': {
              const responses = answerAll(honest(kind));
              const [first, second] = [await retry(responses), await retry(responses)].map(describeResult);
              round = undefined;
              if (first !== second) throw new Error(`two answers: ${first}, ${second}`);
              result = { content: [{ text: first }] };
              break;
            }
            case 'wrong principal': {
              // Attack: somebody who saw the state on the wire brings an answer of their own.
              const { url: target, headers, body } = lastPost();
              const message = JSON.parse(body) as { params: Record<string, unknown> };
              const { requestState } = round;
              const stolen = { ...message.params, inputResponses: answerAll(forged(kind)), requestState };
              const response = await sendAsMallory({ url: target, headers, body }, { ...message, params: stolen });
              attack = await describeResponse(response);
              result = await take(retry(answerAll(honest(kind))));
              break;
            }
            case 'accept':
              result = await take(retry(answerAll(honest(kind))));
          }
        }
        return result;
      })(),
    );
    return { call, asked: questions.length, ...(attack !== undefined && { attack }) };
  }

  return { play, seen, close: () => client.close() };
}

function isInputRequired(result: unknown): result is InputRequired {
  return (result as { resultType?: unknown }).resultType === 'input_required';
}

async function describeResponse(response: Response): Promise<string> {
  const text = await response.text();
  const data = /^data: (\{.*)$/m.exec(text)?.[1] ?? text;
  const message = JSON.parse(data) as { result?: unknown; error?: { code: number; message: string } };
  if (message.error !== undefined) return `error ${message.error.code}: ${message.error.message}`;
  return describeResult(message.result);
}
