// The demo over HTTP: node http.ts --port 3000 --era modern|legacy|legacy-stateless|dual|sse

import { InMemoryServerEventBus } from '@modelcontextprotocol/server';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { runHttp } from './run-http.ts';

const bus = new InMemoryServerEventBus();
await runHttp(createDemoFactory({ bus }), bus);
