import {
  acceptedContent,
  type CallToolResult,
  inputRequired,
  inputResponse,
  type McpServer,
} from '@modelcontextprotocol/server';
import * as z from 'zod';

const ASKING = { readOnlyHint: true, openWorldHint: false };

const answerSchema = z.object({
  name: z.string().min(1).describe('What to call you'),
  colour: z.enum(['red', 'green', 'blue']).describe('Your favourite colour').optional(),
});

/**
 * Registers the tools that ask the client for something: `ask`, `ask-url`, `sample` and `roots`.
 *
 * They return `inputRequired`: a modern client gets it as the result and calls again with the answers, and for a legacy client
 * the SDK sends the question as a request of its own and calls the handler again.
 */
export function registerAskingTools(server: McpServer): void {
  server.registerTool(
    'ask',
    {
      title: 'Ask the user',
      description: 'Asks the user for a name and a favourite colour with a form, and greets them.',
      inputSchema: z.object({ question: z.string().default('Who are you?') }),
      annotations: ASKING,
    },
    ({ question }, ctx) => {
      const response = inputResponse(ctx.mcpReq.inputResponses, 'answer');
      if (response.kind === 'elicit' && response.action !== 'accept') return text(`You chose to ${response.action}.`);
      const answer = acceptedContent(ctx.mcpReq.inputResponses, 'answer', answerSchema);
      if (answer) return text(`Hello ${answer.name}${answer.colour ? `, lover of ${answer.colour}` : ''}.`);
      const form = inputRequired.elicit({ message: question, requestedSchema: answerSchema });
      return inputRequired({ inputRequests: { answer: form } });
    },
  );

  server.registerTool(
    'ask-url',
    {
      title: 'Ask the user to open a page',
      description: 'Asks the user to open a web page, as a login or payment would, and tells whether they agreed.',
      inputSchema: z.object({ url: z.url().default('https://example.com/confirm') }),
      annotations: ASKING,
    },
    ({ url }, ctx) => {
      const response = inputResponse(ctx.mcpReq.inputResponses, 'visit');
      if (response.kind === 'elicit') return text(`You chose to ${response.action}.`);
      const visit = inputRequired.elicitUrl({ message: 'Please open this page.', url });
      return inputRequired({ inputRequests: { visit } });
    },
  );

  server.registerTool(
    'sample',
    {
      title: 'Ask the model',
      description: "Sends a prompt to the client's own language model and returns what it wrote.",
      inputSchema: z.object({
        prompt: z.string().default('Say hello in one word.'),
        maxTokens: z.int().min(1).max(4096).default(100),
      }),
      annotations: ASKING,
    },
    ({ prompt, maxTokens }, ctx) => {
      const response = inputResponse(ctx.mcpReq.inputResponses, 'sample');
      if (response.kind === 'sampling') {
        const [block] = [response.result.content].flat();
        return text(block?.type === 'text' ? block.text : `The model answered with ${block?.type ?? 'nothing'}.`);
      }
      const sample = inputRequired.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
        maxTokens,
      });
      return inputRequired({ inputRequests: { sample } });
    },
  );

  server.registerTool(
    'roots',
    {
      title: "List the client's roots",
      description: 'Asks the client which directories it lets servers work in, and lists them.',
      annotations: ASKING,
    },
    (ctx) => {
      const response = inputResponse(ctx.mcpReq.inputResponses, 'roots');
      if (response.kind === 'roots') return text(response.roots.map((root) => root.uri).join('\n'));
      return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
    },
  );
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}
