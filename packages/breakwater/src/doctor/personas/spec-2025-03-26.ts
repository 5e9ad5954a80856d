import { byTheBook } from '../by-the-book.ts';

/** A client of 2025-03-26 by the book. */
export const spec20250326 = byTheBook('2025-03-26');
