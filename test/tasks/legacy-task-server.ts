// A 2025-11-25 server with the core's experimental tasks, on SDK v1. One store for all of its connections, as servers behind a load balancer have it:
// whoever knows an id sees the task, so that keeping people apart is the gateway's affair.
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type CallToolResult, ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';

/** The server's side of a test. */
export interface LegacyTaskServer {
  /** Makes one server of SDK v1; all share their tasks. */
  create(): McpServer;
  /** Ids of the tasks made, oldest first. */
  readonly tasks: readonly string[];
  statusOf(taskId: string): Promise<string | undefined>;
  /** Ends the task of a `hold` call. */
  complete(taskId: string, text: string): void;
  /** Lets go of timers. */
  close(): void;
}

/** Makes a task server. */
export function makeLegacyTaskServer(): LegacyTaskServer {
  const store = new InMemoryTaskStore();
  const queue = new InMemoryTaskMessageQueue();
  const tasks: string[] = [];
  const held = new Map<string, (text: string) => void>();

  function create(): McpServer {
    const server = new McpServer(
      { name: 'legacy-tasks', version: '1' },
      {
        capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
        taskStore: store,
        taskMessageQueue: queue,
      },
    );
    server.registerTool('plain', { description: 'Answers at once.' }, () => text('plain'));
    server.registerTool('broken', { description: 'Fails.' }, () => ({ ...text('It is broken.'), isError: true }));
    addTask(server, 'work', 'required', async () => text('worked'));
    addTask(server, 'maybe', 'optional', async () => text('maybe worked'));
    addTask(server, 'fails', 'required', async () => ({ ...text('It failed.'), isError: true }));
    addTask(
      server,
      'hold',
      'required',
      (id) => new Promise((resolve) => held.set(id, (value) => resolve(text(value)))),
    );
    addTask(server, 'steps', 'required', async (id, _ask, report) => {
      await new Promise((resolve) => held.set(id, resolve));
      for (const progress of [1, 2, 3]) await report(progress);
      return await new Promise((resolve) => held.set(id, (value) => resolve(text(value))));
    });
    addTask(server, 'ask', 'required', async (_id, ask) => text(`Hello ${await ask()}.`));
    return server;
  }

  function addTask(
    server: McpServer,
    name: string,
    taskSupport: 'required' | 'optional',
    run: (
      id: string,
      ask: () => Promise<string>,
      report: (progress: number) => Promise<void>,
    ) => Promise<CallToolResult>,
  ): void {
    server.experimental.tasks.registerToolTask(
      name,
      { description: `${name} as a task.`, inputSchema: { any: z.string().optional() }, execution: { taskSupport } },
      {
        createTask: async (_args, extra) => {
          const token = extra._meta?.progressToken;
          const task = await extra.taskStore.createTask({ ttl: extra.taskRequestedTtl ?? 60_000, pollInterval: 50 });
          tasks.push(task.taskId);
          const { taskId } = task;
          const ask = async (): Promise<string> => {
            await extra.taskStore.updateTaskStatus(taskId, 'input_required');
            const request = { method: 'elicitation/create' as const, params: FORM };
            // The server delivers it with `tasks/result`; the option is missing in the SDK's type alone.
            const options = { timeout: 60_000, relatedTask: { taskId } };
            const answer = await extra.sendRequest(request, ElicitResultSchema, options);
            await extra.taskStore.updateTaskStatus(taskId, 'working');
            return answer.action === 'accept' ? String(answer.content?.['name']) : answer.action;
          };
          // The call is answered by then: nothing relates this to it but the token.
          const report = async (progress: number): Promise<void> => {
            const params = { progressToken: token ?? 'none', progress };
            await server.server.notification({ method: 'notifications/progress', params });
          };
          void run(taskId, ask, report).then(
            (result) =>
              extra.taskStore.storeTaskResult(taskId, result.isError === true ? 'failed' : 'completed', result),
            (error: unknown) => {
              const failure = { ...text(String(error)), isError: true };
              // A task that was cancelled while it asked has its end already.
              extra.taskStore.storeTaskResult(taskId, 'failed', failure).catch(() => undefined);
            },
          );
          return { task };
        },
        getTask: async (_args, extra) => await extra.taskStore.getTask(extra.taskId),
        getTaskResult: async (_args, extra) => (await extra.taskStore.getTaskResult(extra.taskId)) as CallToolResult,
      },
    );
  }

  return {
    create,
    tasks,
    statusOf: async (id) => (await store.getTask(id))?.status,
    complete: (id, value) => held.get(id)?.(value),
    close: () => store.cleanup(),
  };
}

const FORM = {
  mode: 'form' as const,
  message: 'What is your name?',
  requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } },
};

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}
