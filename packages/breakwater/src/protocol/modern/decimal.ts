const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * One text for all decimal spellings of the same number (`42`, `42.0`, `4.2e1`, `042`), exact at any size: equal numbers have equal
 * texts. Undefined for what is no decimal number, or has an exponent beyond ±10^15.
 */
export function normalizeDecimal(text: string): string | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = trimLeft(whole + fraction);
  if (digits === '') return '0';
  const significant = trimRight(digits);
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return Math.abs(power) > 1e15 ? undefined : `${sign}${significant}e${power}`;
}

// Loops instead of /0+$/, which backtracks quadratically over a long row of zeros.
function trimLeft(digits: string): string {
  let start = 0;
  while (digits[start] === '0') start++;
  return digits.slice(start);
}

function trimRight(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
