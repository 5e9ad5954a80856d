/**
 * A program that knows HTTP and JSON and has never heard of MCP: it is given one address, follows what it finds there, and answers what it is asked by
 * what the answer itself says.
 */

type Json = Readonly<Record<string, unknown>>;

/** What it does when it is asked; gets the questions by key and gives the answers by key. */
export type Answerer = (questions: Readonly<Record<string, Json>>) => Readonly<Record<string, unknown>>;

/** Finds a tool by its name, calls it as its description says, and answers until there is a result. Every step is told to `trace`. */
export async function runAgent(
  start: string,
  tool: string,
  given: Json,
  answer: Answerer,
  trace: (step: string) => void = () => undefined,
): Promise<Json> {
  const index = await read(start);
  trace(`index of ${String(index['name'])}`);
  let page: string | undefined = String(index['tools']);
  let found: Json | undefined;
  while (page !== undefined && found === undefined) {
    const list: Json = await read(page);
    found = (list['tools'] as Json[]).find(({ name }) => name === tool);
    page = list['next'] as string | undefined;
  }
  if (found === undefined) throw new Error(`${start} has no tool ${tool}`);
  const { call } = (await read(String(found['url']))) as {
    call: { method: string; url: string; headers: Record<string, string> };
  };
  trace(`call ${tool}`);
  let result = await send(call, given);
  for (let round = 0; result['inputRequired'] !== undefined && round < 10; round++) {
    const questions = result['inputRequired'] as Readonly<Record<string, Json>>;
    trace(
      `asked ${Object.values(questions)
        .map(({ method }) => String(method))
        .join(', ')}`,
    );
    const how = result['how'] as { method: string; url: string; headers: Record<string, string>; body: Json };
    result = await send(how, { ...how.body, inputResponses: answer(questions) });
  }
  return result;
}

async function read(url: string): Promise<Json> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Json;
}

async function send(
  how: { method: string; url: string; headers: Record<string, string> },
  body: unknown,
): Promise<Json> {
  const answer = await fetch(how.url, { method: how.method, headers: how.headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${how.url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Json;
}
