import { expect, it } from 'vitest';
import { joinMetrics } from './label-metrics.ts';

const one =
  '# HELP a_total Things.\n# TYPE a_total counter\na_total 1\na_total{route="/x y",m="{"} 2\n# TYPE b gauge\nb 3\n';
const two = '# HELP a_total Things.\n# TYPE a_total counter\na_total 5\n# TYPE c gauge\nc 1\n';

it('keeps each family together and says whose each sample is', () => {
  const joined = joinMetrics(
    'worker',
    new Map([
      ['1', one],
      ['2', two],
    ]),
  );
  expect(joined).toBe(
    [
      '# HELP a_total Things.',
      '# TYPE a_total counter',
      'a_total{worker="1"} 1',
      'a_total{worker="1",route="/x y",m="{"} 2',
      'a_total{worker="2"} 5',
      '# TYPE b gauge',
      'b{worker="1"} 3',
      '# TYPE c gauge',
      'c{worker="2"} 1',
      '',
    ].join('\n'),
  );
});

it('is empty for nobody', () => expect(joinMetrics('worker', new Map())).toBe('\n'));
