import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createToolsV1 } from './tools-v1.ts';

await createToolsV1().connect(new StdioServerTransport());
