/** One family of metrics: its series by label values, never more than `cap` of them. */
interface FamilyInit {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Most series; what is beyond goes into one whose labels all say `_overflow` (observability.md §2). */
  readonly cap: number;
  readonly onOverflow: (family: string) => void;
}

const OVERFLOW = '_overflow';

abstract class Family<S> {
  readonly #init: FamilyInit;
  readonly #series = new Map<string, { readonly labels: string; readonly state: S }>();
  #last: { readonly values: readonly string[]; readonly state: S } | undefined;

  constructor(init: FamilyInit) {
    this.#init = init;
  }

  get size(): number {
    return this.#series.size;
  }

  /** The lines of the exposition format; none while there is no series. */
  render(): string {
    if (this.#series.size === 0) return '';
    const { name, help } = this.#init;
    let text = `# HELP ${name} ${help}\n# TYPE ${name} ${this.type}\n`;
    for (const { labels, state } of this.#series.values()) text += this.write(name, labels, state);
    return text;
  }

  protected abstract readonly type: string;
  protected abstract make(): S;
  protected abstract write(name: string, labels: string, state: S): string;

  protected stateOf(values: readonly string[]): S {
    // What is counted is mostly what was counted just before: joining the labels anew was half of the cost.
    const last = this.#last;
    if (last !== undefined && values.every((value, index) => value === last.values[index])) return last.state;
    return this.#find(values);
  }

  #find(values: readonly string[]): S {
    const key = values.join('\n');
    const known = this.#series.get(key);
    if (known !== undefined) return this.#note(values, known.state);
    const { labels, cap, name, onOverflow } = this.#init;
    if (this.#series.size >= cap && values[0] !== OVERFLOW) {
      onOverflow(name);
      return this.#find(labels.map(() => OVERFLOW));
    }
    const state = this.make();
    this.#series.set(key, { labels: writeLabels(labels, values), state });
    return this.#note(values, state);
  }

  #note(values: readonly string[], state: S): S {
    this.#last = { values, state };
    return state;
  }
}

/** A count that only grows. */
export class CounterFamily extends Family<{ value: number }> {
  protected readonly type = 'counter';

  increment(...values: readonly string[]): void {
    this.stateOf(values).value++;
  }

  protected make(): { value: number } {
    return { value: 0 };
  }

  protected write(name: string, labels: string, { value }: { value: number }): string {
    return `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`;
  }
}

interface Distribution {
  readonly buckets: number[];
  sum: number;
  count: number;
}

/** How values are spread over buckets. */
export class HistogramFamily extends Family<Distribution> {
  protected readonly type = 'histogram';
  readonly #bounds: readonly number[];

  constructor(init: FamilyInit & { readonly bounds: readonly number[] }) {
    super(init);
    this.#bounds = init.bounds;
  }

  observe(value: number, ...values: readonly string[]): void {
    const state = this.stateOf(values);
    state.sum += value;
    state.count++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) state.buckets[at] = (state.buckets[at] ?? 0) + 1;
  }

  protected make(): Distribution {
    return { buckets: this.#bounds.map(() => 0), sum: 0, count: 0 };
  }

  protected write(name: string, labels: string, { buckets, sum, count }: Distribution): string {
    const before = labels === '' ? '' : `${labels},`;
    const braces = labels === '' ? '' : `{${labels}}`;
    let text = '';
    let below = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      below += buckets[index] ?? 0;
      text += `${name}_bucket{${before}le="${bound}"} ${below}\n`;
    }
    return `${text}${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum${braces} ${sum}\n${name}_count${braces} ${count}\n`;
  }
}

/** One value and whose it is. */
interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A value that is looked at when somebody asks. */
export function renderGauge(name: string, help: string, samples: readonly Sample[]): string {
  return renderSamples('gauge', name, help, samples);
}

/** A count that somebody else keeps. */
export function renderCounter(name: string, help: string, samples: readonly Sample[]): string {
  return renderSamples('counter', name, help, samples);
}

function renderSamples(type: string, name: string, help: string, samples: readonly Sample[]): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  for (const { labels = {}, value } of samples) {
    const written = writeLabels(Object.keys(labels), Object.values(labels));
    text += `${name}${written === '' ? '' : `{${written}}`} ${value}\n`;
  }
  return text;
}

function writeLabels(labels: readonly string[], values: readonly string[]): string {
  return labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
}
