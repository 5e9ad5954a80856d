import { callModern, META, streamModern } from '../requirements/support/clients.ts';
import { at } from '../requirements/support/json.ts';
import type { WireAnswer, WireStream } from '../requirements/support/wire.ts';

/** The tasks extension (SEP-2663), written out: the tests must not learn it from the gateway. */
export const TASKS = 'io.modelcontextprotocol/tasks';

/** What a request of {@link ModernClient} can be told. */
export interface AskOptions {
  readonly principal?: string;
  /** Declared beside what the client always declares. */
  readonly capabilities?: object;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** A 2026-07-28 client as raw HTTP. */
export interface ModernClient {
  request(method: string, params?: Readonly<Record<string, unknown>>, options?: AskOptions): Promise<WireAnswer>;
  stream(method: string, params?: Readonly<Record<string, unknown>>, options?: AskOptions): Promise<WireStream>;
  /** Calls a tool and gives the last message of the answer. */
  call(name: string, more?: Readonly<Record<string, unknown>>, options?: AskOptions): Promise<unknown>;
  /** Asks for a task until it is over. */
  settle(taskId: string): Promise<unknown>;
}

/** A client that declares the tasks extension. */
export function taskClient(url: string): ModernClient {
  return makeClient(url, { elicitation: { form: {} }, sampling: {}, extensions: { [TASKS]: {} } });
}

/** A client that can be asked anything and knows nothing of tasks. */
export function plainClient(url: string): ModernClient {
  return makeClient(url, { elicitation: { form: {} }, sampling: {} });
}

function makeClient(url: string, declared: object): ModernClient {
  const optionsOf = (params: Readonly<Record<string, unknown>>, options: AskOptions) => {
    const { principal = 'ann', capabilities = declared, meta = {} } = options;
    const { taskId } = params;
    return {
      meta: { [META.capabilities]: capabilities, ...meta },
      headers: {
        'x-test-principal': principal,
        // SEP-2663 §Routing Headers.
        ...(typeof taskId === 'string' && { 'mcp-name': taskId }),
      },
    };
  };
  const client: ModernClient = {
    request: (method, params = {}, options = {}) => callModern(url, method, params, optionsOf(params, options)),
    stream: (method, params = {}, options = {}) => streamModern(url, method, params, optionsOf(params, options)),
    call: async (name, more = {}, options = {}) =>
      (await client.request('tools/call', { name, arguments: {}, ...more }, options)).messages().at(-1),
    settle: async (taskId) => {
      for (;;) {
        const task = (await client.request('tasks/get', { taskId })).json();
        const status = at(task, 'result', 'status');
        if (status !== 'working' && status !== 'input_required') return task;
      }
    },
  };
  return client;
}
