import { runConformance } from '../fixtures/run-conformance.ts';
import { ROWS } from './rows.ts';
import { writeFileSync } from 'node:fs';
for (const name of ['HTTP, legacy', 'HTTP, legacy without sessions']) {
  for (const revision of ['2025-11-25', '2026-07-28'] as const) {
    const row = ROWS.find((r) => r.name === name);
    if (!row) throw new Error();
    const t = performance.now();
    await using running = await row.start();
    const report = await runConformance(running.url, revision);
    console.log(name, revision, report.passed.length, Math.round(performance.now() - t), report.output.slice(report.output.indexOf('=== SUMMARY')).split('\n').filter(l => l.startsWith('✗')));
    writeFileSync(`/tmp/tap-${name.includes('without') ? 'st' : 'le'}-${revision}.json`, JSON.stringify(running.tap?.exchanges(), null, 1));
    writeFileSync(`/tmp/tap-${name.includes('without') ? 'st' : 'le'}-${revision}.txt`, report.output);
  }
}
