/** Every time on a disk or in its files that is not a file's own: nobody's clock decides. */
export const epochSeconds = 1_700_000_000;
