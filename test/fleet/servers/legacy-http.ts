import { serveV1 } from '../../questions/askers/serve-v1.ts';
import { createToolsV1 } from './tools-v1.ts';

const { url } = await serveV1(createToolsV1, { sessions: true });
process.stdout.write(`listening ${url}\n`);
