// The modern asker over stdio: node v2-stdio.ts

import { runStdio } from '../../../apps/demo-server/run-stdio.ts';
import { Journal } from './journal.ts';
import { createV2Asker } from './v2-asker.ts';

const journal = new Journal();
runStdio(() => createV2Asker(journal));
