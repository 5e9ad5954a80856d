import { runFieldMix } from './support/field-mix.ts';
import { startCountingUpstream } from '/work/main/test/fixtures/counting-upstream.ts';
import { startGateway } from '/work/main/test/requirements/support/gateway.ts';
for (const client of ['legacy','modern'] as const) {
  const up = await startCountingUpstream({ era: 'dual' });
  let t = performance.now();
  const n = await runFieldMix(up.url, client, 1000);
  console.log('direct', client, n, up.counts(), Math.round(performance.now()-t));
  for (const era of ['legacy','modern'] as const) for (const key of ['me','strangers']) {
    const gw = await startGateway({ upstreams: { it: { url: up.url, era } } }, key === 'me' ? {} : { principalOf: () => ({ key: 'anonymous', personal: false }) });
    up.reset(); t = performance.now();
    await runFieldMix(gw.url, client, 1000);
    await gw.close();
    console.log(client, era, key, up.counts(), Math.round(performance.now()-t));
  }
  await up.close();
}
