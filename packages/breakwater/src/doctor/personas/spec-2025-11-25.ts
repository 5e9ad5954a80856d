import { byTheBook } from '../by-the-book.ts';

/** A client of 2025-11-25 by the book. */
export const spec20251125 = byTheBook('2025-11-25');
