import type { LoggingLevel, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { encodePng } from './png.ts';

const LEVELS: [LoggingLevel, ...LoggingLevel[]] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

const DEFAULT_BIG_BYTES = 5_000_000;
const MAX_BIG_BYTES = 10_000_000;
const BIG_LINE = 'The quick brown fox jumps over the lazy dog; 0123456789 times.\n';

const PURE = { readOnlyHint: true, idempotentHint: true, openWorldHint: false };

/** Registers the tools that answer at once and keep nothing: `echo`, `add`, `log`, `big` and `image`. */
export function registerBasicTools(server: McpServer): void {
  server.registerTool(
    'echo',
    {
      title: 'Echo',
      description: 'Returns the text it was given, unchanged.',
      inputSchema: z.object({ text: z.string().describe('The text to return') }),
      annotations: PURE,
    },
    ({ text }) => ({ content: [{ type: 'text', text }] }),
  );

  server.registerTool(
    'add',
    {
      title: 'Add two numbers',
      description: 'Adds two numbers and returns the sum, as text and as structured content.',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
      annotations: PURE,
    },
    ({ a, b }) => ({ content: [{ type: 'text', text: String(a + b) }], structuredContent: { sum: a + b } }),
  );

  server.registerTool(
    'log',
    {
      title: 'Write log messages',
      description: 'Sends one log message for each level it is given. The client sees those at or above its own level.',
      inputSchema: z.object({
        levels: z.array(z.enum(LEVELS)).max(32).default(LEVELS).describe('The levels, in the order to send them'),
        message: z.string().default('hello from the demo'),
      }),
      annotations: PURE,
    },
    async ({ levels, message }, ctx) => {
      for (const level of levels) await ctx.mcpReq.log(level, message, 'demo');
      return { content: [{ type: 'text', text: `logged ${levels.length}` }] };
    },
  );

  server.registerTool(
    'big',
    {
      title: 'Return a big text',
      description: `Returns a text of the given size: ${DEFAULT_BIG_BYTES} bytes by default. Fills a context window; meant for tests.`,
      inputSchema: z.object({ bytes: z.int().min(0).max(MAX_BIG_BYTES).default(DEFAULT_BIG_BYTES) }),
      annotations: PURE,
    },
    ({ bytes }) => ({
      content: [{ type: 'text', text: BIG_LINE.repeat(Math.ceil(bytes / BIG_LINE.length)).slice(0, bytes) }],
    }),
  );

  server.registerTool(
    'image',
    {
      title: 'Draw an image',
      description: 'Returns a small PNG: the sea, calm behind a breakwater.',
      inputSchema: z.object({ size: z.int().min(8).max(256).default(64).describe('Width and height in pixels') }),
      annotations: PURE,
    },
    ({ size }) => ({
      content: [{ type: 'image', mimeType: 'image/png', data: encodePng(size, size, paintSea).toString('base64') }],
    }),
  );
}

/** The colour of one pixel, its place given as fractions of the image. */
function paintSea(x: number, y: number): [red: number, green: number, blue: number] {
  if (x > 0.45 && x < 0.55 && y > 0.35) return [110, 100, 90];
  const waves = x < 0.5 ? 0.04 * Math.sin(x * 40) : 0;
  return y + waves < 0.5 ? [190, 220, 245] : [20, 90, 150];
}
