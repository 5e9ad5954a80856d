/** How many slots a cluster has. */
export const SLOTS = 16_384;

/** CRC-16/XMODEM, the one that clusters use. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** Which slot of a cluster a key lives in: its hash tag decides, or all of it when it has none. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tagOf(key) ?? key))
    crc = ((crc << 8) ^ (CRC[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
  return crc % SLOTS;
}

/** The part in the first braces; undefined when there is none, or nothing in it. */
export function tagOf(key: string): string | undefined {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}
