// The legacy asker over stdio: node v1-stdio.ts

import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { Journal } from './journal.ts';
import { createV1Asker } from './v1-asker.ts';

await createV1Asker(new Journal()).connect(new StdioServerTransport());
