const MOST = 3;
/** A word this long is no slip of the finger, and the cost of comparing is its length squared. */
const LONGEST = 64;

/** The names that come closest to a mistyped one, best first; none when none is close. */
export function nearestNames(word: string, names: readonly string[]): string[] {
  if (word.length > LONGEST) return [];
  const asked = word.toLowerCase();
  const most = Math.max(2, Math.floor(word.length / 2));
  return names
    .filter((name) => name.length <= LONGEST)
    .map((name) => ({ name, distance: distanceOf(asked, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST)
    .map(({ name }) => name);
}

// A name that holds the other one whole is close, however long its prefix.
function distanceOf(a: string, b: string): number {
  if (a.length >= 3 && b.includes(a)) return 1;
  if (b.length >= 3 && a.includes(b)) return 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
