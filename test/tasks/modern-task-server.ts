// A raw 2026-07-28 server with the tasks extension (SEP-2663), written from the specification and not from the gateway: its tools are those that the
// official suite's `tasks-*` scenarios ask for, and some whose tasks a test ends by hand.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { at } from '../requirements/support/json.ts';

const TASKS = 'io.modelcontextprotocol/tasks';
const META = 'io.modelcontextprotocol/';

type Json = Record<string, unknown>;

interface Task {
  readonly id: string;
  readonly createdAt: string;
  status: string;
  updatedAt: string;
  result?: Json;
  error?: Json;
  readonly asked: Map<string, Json>;
  readonly answers: Map<string, unknown>;
  onAnswers: () => void;
}

/** A request as the server got it. */
export interface SeenRequest {
  readonly method: string;
  readonly params: Json;
  readonly name: string | undefined;
  readonly declared: boolean;
}

/** A running task server. */
export interface ModernTaskServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  /** Ids of the tasks made, oldest first. */
  readonly tasks: readonly string[];
  statusOf(taskId: string): string | undefined;
  /** True while somebody listens for the task. */
  isWatched(taskId: string): boolean;
  /** Ends a task with a tool result. */
  complete(taskId: string, result: Json): void;
  /** Ends a task with a JSON-RPC error. */
  fail(taskId: string, error: Json): void;
  /** Answers the next `tasks/get` with an HTTP 503. */
  breakNextPoll(): void;
}

/** Starts a task server on a free port. */
export async function startModernTaskServer(
  options: { readonly tools?: readonly string[] } = {},
): Promise<ModernTaskServer> {
  const server = new TaskServer(options.tools);
  const http = createServer((req, res) => void server.serve(req, res));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    seen: server.seen,
    get tasks() {
      return [...server.tasks.keys()];
    },
    statusOf: (id) => server.tasks.get(id)?.status,
    isWatched: (id) => server.isWatched(id),
    complete: (id, result) => server.end(id, 'completed', { result }),
    fail: (id, error) => server.end(id, 'failed', { error }),
    breakNextPoll: () => {
      server.broken = true;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
}

/** Tools that are run only as tasks. */
const REQUIRED = new Set(['failing_job', 'hold', 'ask_twice', 'test_tool_with_task', 'sample_job']);
const TOOLS = [
  ...['greet', 'slow_compute', 'failing_job', 'protocol_error_job', 'confirm_delete', 'multi_input'],
  ...['test_tool_with_task', 'hold', 'ask_twice', 'sample_job', 'rogue'],
];

class TaskServer {
  readonly seen: SeenRequest[] = [];
  readonly tasks = new Map<string, Task>();
  readonly #listens = new Set<{
    readonly id: unknown;
    readonly taskIds: readonly string[];
    readonly res: ServerResponse;
  }>();
  readonly #names: readonly string[];
  broken = false;

  constructor(names: readonly string[] = TOOLS) {
    this.#names = names;
  }

  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    if (req.method !== 'POST') return void res.writeHead(405).end();
    const message = JSON.parse(Buffer.concat(chunks).toString()) as Json;
    const id = message['id'];
    const method = String(message['method']);
    const params = (message['params'] ?? {}) as Json;
    const declared = at(params, '_meta', `${META}clientCapabilities`, 'extensions', TASKS) !== undefined;
    const name = req.headers['mcp-name'];
    this.seen.push({ method, params, name: typeof name === 'string' ? name : undefined, declared });
    if (method.startsWith('tasks/') && name !== params['taskId']) return refuse(res, 400, id, -32_020, 'Mcp-Name');
    if (method === 'subscriptions/listen') return this.#listen(id, params, declared, res);
    if (method === 'tasks/get' && this.broken) {
      this.broken = false;
      return void res.writeHead(503).end('busy');
    }
    try {
      send(res, 200, { jsonrpc: '2.0', id, result: this.#answer(method, params, declared) });
    } catch (error) {
      const {
        code = -32_603,
        message: text = String(error),
        data,
      } = error as { code?: number; message?: string; data?: Json };
      const status = code === -32_601 ? 404 : code === -32_021 ? 400 : 200;
      send(res, status, {
        jsonrpc: '2.0',
        id,
        error: { code, message: text, ...(data === undefined ? {} : { data }) },
      });
    }
  }

  isWatched(id: string): boolean {
    return [...this.#listens].some(({ taskIds }) => taskIds.includes(id));
  }

  end(id: string, status: string, rest: { result?: Json; error?: Json }): void {
    const task = this.tasks.get(id);
    if (task === undefined || isOver(task)) return;
    task.asked.clear();
    Object.assign(task, rest);
    this.#move(task, status);
  }

  #answer(method: string, params: Json, declared: boolean): Json {
    switch (method) {
      case 'server/discover':
        return {
          resultType: 'complete',
          supportedVersions: ['2026-07-28'],
          capabilities: { tools: {}, extensions: { [TASKS]: {} } },
          ttlMs: 0,
          cacheScope: 'private',
          _meta: { [`${META}serverInfo`]: { name: 'task-server', version: '1' } },
        };
      case 'tools/list':
        return {
          resultType: 'complete',
          tools: this.#names.map((name) => ({ name, inputSchema: { type: 'object' } })),
          ttlMs: 0,
          cacheScope: 'private',
        };
      case 'tools/call':
        return this.#call(String(params['name']), (params['arguments'] ?? {}) as Json, params, declared);
      case 'tasks/get':
      case 'tasks/update':
      case 'tasks/cancel':
        if (!declared) throw missingExtension();
        return this.#onTask(method, params);
      default:
        throw fault(-32_601, 'Method not found');
    }
  }

  #onTask(method: string, params: Json): Json {
    const task = this.tasks.get(String(params['taskId']));
    if (task === undefined) throw fault(-32_602, 'Unknown task');
    if (method === 'tasks/get') return { resultType: 'complete', ...describe(task, true) };
    if (method === 'tasks/cancel') this.end(task.id, 'cancelled', {});
    else {
      for (const [key, answer] of Object.entries((params['inputResponses'] ?? {}) as Json)) {
        if (task.asked.delete(key)) task.answers.set(key, answer);
      }
      if (task.asked.size === 0 && task.status === 'input_required') {
        this.#move(task, 'working');
        task.onAnswers();
      }
    }
    return { resultType: 'complete' };
  }

  #call(name: string, args: Json, params: Json, declared: boolean): Json {
    if (!this.#names.includes(name)) throw fault(-32_602, 'Unknown tool');
    if (REQUIRED.has(name) && !declared) throw missingExtension();
    const seconds = Number(args['seconds'] ?? 0);
    switch (name) {
      case 'greet':
        return text(`Hello, ${String(args['name'])}!`);
      case 'slow_compute':
        if (!declared || seconds === 0) return text('computed');
        return this.#create(
          (task) =>
            void setTimeout(
              () => this.end(task.id, 'completed', { result: content('computed') }),
              seconds * 1_000,
            ).unref(),
        );
      case 'failing_job':
        return this.#create((task) =>
          this.end(task.id, 'completed', { result: { ...content('It failed.'), isError: true } }),
        );
      case 'protocol_error_job':
        return this.#create((task) => this.end(task.id, 'failed', { error: { code: -32_099, message: 'panic' } }));
      case 'hold':
        return this.#create(() => undefined);
      case 'rogue':
        // It was not told that its client knows tasks.
        return this.#create((task) => this.end(task.id, 'completed', { result: content('rogue') }));
      case 'confirm_delete':
        return this.#create((task) => this.#ask(task, { confirm: form('Delete it?') }, () => this.#echo(task)));
      case 'multi_input':
        return this.#create((task) => this.#ask(task, { a: form('A?'), b: form('B?') }, () => this.#echo(task)));
      case 'ask_twice':
        return this.#create((task) =>
          this.#ask(task, { first: form('First?') }, () =>
            this.#ask(task, { second: form('Second?') }, () => this.#echo(task)),
          ),
        );
      case 'sample_job':
        return this.#create((task) => this.#ask(task, { model: SAMPLE }, () => this.#echo(task)));
      default: {
        const given = at(params, 'inputResponses', 'user_name', 'content', 'name');
        if (given === undefined)
          return { resultType: 'input_required', inputRequests: { user_name: form('Your name?') } };
        return this.#create((task) => this.end(task.id, 'completed', { result: content(`Hello ${String(given)}`) }));
      }
    }
  }

  #create(run: (task: Task) => void): Json {
    const now = new Date().toISOString();
    const task: Task = {
      id: randomUUID(),
      createdAt: now,
      updatedAt: now,
      status: 'working',
      asked: new Map(),
      answers: new Map(),
      onAnswers: () => undefined,
    };
    this.tasks.set(task.id, task);
    const created = { resultType: 'task', ...describe(task, false) };
    // After the answer is on its way, as a real server would.
    setImmediate(() => run(task));
    return created;
  }

  #ask(task: Task, questions: Readonly<Record<string, Json>>, then: () => void): void {
    for (const [key, question] of Object.entries(questions)) task.asked.set(key, question);
    task.onAnswers = then;
    this.#move(task, 'input_required');
  }

  #echo(task: Task): void {
    this.end(task.id, 'completed', { result: content(JSON.stringify(Object.fromEntries(task.answers))) });
  }

  #move(task: Task, status: string): void {
    task.status = status;
    task.updatedAt = new Date().toISOString();
    for (const { id, taskIds, res } of this.#listens) {
      if (!taskIds.includes(task.id)) continue;
      const params = { ...describe(task, true), _meta: { [`${META}subscriptionId`]: id } };
      event(res, { jsonrpc: '2.0', method: 'notifications/tasks', params });
    }
  }

  #listen(id: unknown, params: Json, declared: boolean, res: ServerResponse): void {
    const asked = at(params, 'notifications', 'taskIds');
    const taskIds = declared && Array.isArray(asked) ? asked.filter((taskId) => this.tasks.has(String(taskId))) : [];
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const listen = { id, taskIds, res };
    this.#listens.add(listen);
    res.on('close', () => this.#listens.delete(listen));
    const _meta = { [`${META}subscriptionId`]: id };
    const ack = { _meta, notifications: taskIds.length > 0 ? { taskIds } : {} };
    event(res, { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: ack });
  }
}

const SAMPLE: Json = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 10 },
};

function form(message: string): Json {
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' }, confirm: { type: 'boolean' } } };
  return { method: 'elicitation/create', params: { mode: 'form', message, requestedSchema } };
}

function describe(task: Task, inline: boolean): Json {
  const { id: taskId, status, createdAt, updatedAt: lastUpdatedAt, result, error, asked } = task;
  const base = { taskId, status, createdAt, lastUpdatedAt, ttlMs: 600_000, pollIntervalMs: 250 };
  if (!inline) return base;
  return {
    ...base,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
    ...(asked.size === 0 ? {} : { inputRequests: Object.fromEntries(asked) }),
  };
}

function isOver({ status }: Task): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

function content(value: string): Json {
  return { content: [{ type: 'text', text: value }] };
}

function text(value: string): Json {
  return { resultType: 'complete', ...content(value) };
}

function fault(code: number, message: string, data?: Json): Error {
  return Object.assign(new Error(message), { code, data });
}

function missingExtension(): Error {
  return fault(-32_021, 'Tasks required', { requiredCapabilities: { extensions: { [TASKS]: {} } } });
}

function refuse(res: ServerResponse, status: number, id: unknown, code: number, message: string): void {
  send(res, status, { jsonrpc: '2.0', id, error: { code, message } });
}

function send(res: ServerResponse, status: number, body: Json): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function event(res: ServerResponse, message: Json): void {
  res.write(`data: ${JSON.stringify(message)}\n\n`);
}
