/**
 * Joins the metrics of several processes into one text: each sample gets a label that says whose it is, each family stands once. `texts` are in the
 * Prometheus text format; the label's values must need no escaping.
 */
export function joinMetrics(label: string, texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, Family>();
  for (const [value, text] of texts) {
    let family = familyOf(families, '');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (!line.startsWith('#')) {
        family.samples.push(labelled(line, `${label}="${value}"`));
        continue;
      }
      family = familyOf(families, line.split(' ')[2] ?? '');
      if (!family.head.includes(line)) family.head.push(line);
    }
  }
  return [...families.values()]
    .flatMap(({ head, samples }) => [...head, ...samples])
    .join('\n')
    .concat('\n');
}

interface Family {
  /** Its HELP and TYPE lines. */
  readonly head: string[];
  readonly samples: string[];
}

function familyOf(families: Map<string, Family>, name: string): Family {
  let family = families.get(name);
  if (family === undefined) {
    family = { head: [], samples: [] };
    families.set(name, family);
  }
  return family;
}

// A label's value may hold spaces and braces, the name before it none: the first brace or space decides.
function labelled(sample: string, label: string): string {
  const at = sample.search(/[{ ]/);
  if (at < 0) return sample;
  return sample[at] === '{'
    ? `${sample.slice(0, at)}{${label},${sample.slice(at + 1)}`
    : `${sample.slice(0, at)}{${label}}${sample.slice(at)}`;
}
