import type { TappedExchange } from './wire-tap.ts';

/** A claim about what the wire of a server says, and the messages that show it. */
export interface Proof {
  readonly reason: string;
  readonly claim: string;
  readonly exchanges: readonly TappedExchange[];
}

/** Shows, by what crossed the wire in one run, that a server with sessions says neither the capability nor the key. */
export function proveFromSessions(exchanges: readonly TappedExchange[]): Proof[] {
  const refused = findCall(exchanges, 'test_missing_capability');
  const opened = exchanges.find(({ opened: id, sent }) => id === refused.session && isCalled(sent, 'initialize'));
  if (opened === undefined) throw new Error('the session of test_missing_capability was never opened');
  return [
    {
      reason: 'capability-not-named',
      claim:
        'The gateway declared what its client declared: nothing. The server refused by a tool result, in prose for a model.',
      exchanges: [opened, refused],
    },
    {
      reason: 'question-without-key',
      claim: 'The server asked. `user_name` is nowhere in what it sent.',
      exchanges: [findCall(exchanges, 'test_input_required_result_elicitation')],
    },
  ];
}

/** Shows the same of a server without sessions: that it does not ask, and has no stream to report on. */
export function proveFromSessionless(exchanges: readonly TappedExchange[]): Proof[] {
  const feed = exchanges.find(({ verb }) => verb === 'GET');
  if (feed === undefined) throw new Error('nobody asked for a stream');
  return [
    {
      reason: 'cannot-ask',
      claim: 'The server does not ask; it refuses, because on such a connection there is nobody to be asked.',
      exchanges: [findCall(exchanges, 'test_sampling')],
    },
    { reason: 'cannot-report', claim: 'The stream on which updates would come is refused.', exchanges: [feed] },
  ];
}

/** The proof as Markdown. What changes from run to run is replaced: JSON-RPC ids are numbered anew, versions left out. */
export function writeProof({ claim, exchanges }: Proof): string {
  const lines = exchanges.flatMap(({ verb, sent, status, received }) => [
    `→ ${verb}${sent === '' ? ' (asks for the event stream)' : ` ${sent}`}`,
    ...received.map((message) => `← ${status} ${message}`),
  ]);
  return `${claim}\n\n\`\`\`text\n${renumber(lines.join('\n'))}\n\`\`\``;
}

function findCall(exchanges: readonly TappedExchange[], tool: string): TappedExchange {
  const found = exchanges.find(({ sent }) => isCalled(sent, 'tools/call') && sent.includes(`"name":"${tool}"`));
  if (found === undefined) throw new Error(`${tool} was never called`);
  return found;
}

function isCalled(sent: string, method: string): boolean {
  return sent.includes(`"method":"${method}"`);
}

function renumber(text: string): string {
  const known = new Map<string, number>();
  return text
    .replaceAll(/("id"|"progressToken"):(\d+)/g, (_, member: string, id: string) => {
      const number = known.get(id) ?? known.size + 1;
      known.set(id, number);
      return `${member}:${number}`;
    })
    .replaceAll(/("clientInfo":\{[^}]*"version":)"[^"]*"/g, '$1"…"');
}
