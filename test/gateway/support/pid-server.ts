// The demo over stdio with one more tool, `pid`, that says which process it is: node pid-server.ts

import { runStdio } from '../../../apps/demo-server/run-stdio.ts';
import { createDemoFactory } from '../../../packages/breakwater/src/demo/server.ts';

const createDemo = createDemoFactory();

runStdio(() => {
  const server = createDemo();
  server.registerTool('pid', { description: 'Says its process id.' }, () => ({
    content: [{ type: 'text', text: String(process.pid) }],
  }));
  return server;
});
