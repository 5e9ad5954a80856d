// The demo over stdio, for clients of both eras: node stdio.ts

import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { runStdio } from './run-stdio.ts';

runStdio(createDemoFactory());
