import { Pool } from '/work/main/packages/breakwater/node_modules/undici/index.js';
import { startCountingUpstream } from '/work/main/test/fixtures/counting-upstream.ts';
import { makeOpening, startCall, CLIENT } from '/work/main/test/upstream/http-fixtures/harness.ts';
import { encodeJson, scanObject } from '/work/main/packages/breakwater/src/jsonrpc/raw.ts';
const up = await startCountingUpstream({ era: (process.argv[2] ?? 'legacy') as never });
const opening = makeOpening(up.url);
const handle = await opening.open();
const N = 60000, C = 32;
const params = scanObject(encodeJson({ name: 'echo', arguments: { text: 'hi' } }));
const call = { method: 'tools/call', params, client: CLIENT, progress: false, logLevel: undefined };
function one(): Promise<void> { return new Promise((resolve, reject) => { handle.call(call, { notify() {}, ask() {}, done: (o) => o.kind === 'result' ? resolve() : reject(o) }); }); }
const pool = new Pool(new URL(up.url).origin);
const body = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}');
const s1: any = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
function bare(): Promise<void> { return new Promise((resolve, reject) => { pool.dispatch({ path: '/mcp', method: 'POST', headers: s1, body }, { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd() { resolve(); }, onResponseError(_c: any, e: any) { reject(e); } } as any); }); }
async function run(f: () => Promise<void>) { let left = N; const t = process.cpuUsage(); const w = performance.now(); await Promise.all(Array.from({ length: C }, async () => { while (left-- > 0) await f(); })); const c = process.cpuUsage(t); return `${((c.user + c.system) / N).toFixed(1)} µs cpu, ${((performance.now() - w) * 1000 / N).toFixed(1)} µs wall`; }
for (let i = 0; i < 2; i++) { console.log("handle", await run(one)); }
await opening.close(); await pool.close(); await up.close();
