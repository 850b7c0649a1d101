/** Which of two versions is newer. Source: UAPI group, version format specification (what systemd-boot sorts by). */

/** Negative when `a` is older, positive when it is newer, 0 when neither is. */
export function compareVersions(a: string, b: string): number {
  let left = a;
  let right = b;
  for (;;) {
    left = left.replace(/^[^A-Za-z0-9~\-^.]+/, "");
    right = right.replace(/^[^A-Za-z0-9~\-^.]+/, "");
    const separator = compareSeparators(left, right);
    if (separator.decided !== undefined) return separator.decided;
    if (separator.skip) {
      left = left.slice(1);
      right = right.slice(1);
      continue;
    }
    const segment = compareSegments(left, right);
    if (segment.order !== 0) return segment.order;
    left = left.slice(segment.length.left);
    right = right.slice(segment.length.right);
  }
}

/** From the one that sorts lowest: a pre-release, then the end, then a release (`-`), a patch (`^`), a further part (`.`). */
const separators = ["~", "", "-", "^", "."];

function compareSeparators(left: string, right: string): { readonly decided?: number; readonly skip?: boolean } {
  for (const mark of separators) {
    const hasLeft = mark === "" ? left === "" : left.startsWith(mark);
    const hasRight = mark === "" ? right === "" : right.startsWith(mark);
    if (hasLeft && hasRight) return mark === "" ? { decided: 0 } : { skip: true };
    if (hasLeft) return { decided: -1 };
    if (hasRight) return { decided: 1 };
  }
  return {};
}

interface Segment {
  readonly order: number;
  readonly length: { readonly left: number; readonly right: number };
}

/** Runs of digits by value, runs of letters by code; letters sort below digits, capital letters below small ones. */
function compareSegments(left: string, right: string): Segment {
  const numeric = /^[0-9]/.test(left) || /^[0-9]/.test(right);
  const pattern = numeric ? /^[0-9]*/ : /^[A-Za-z]*/;
  const a = pattern.exec(left)?.[0] ?? "";
  const b = pattern.exec(right)?.[0] ?? "";
  const length = { left: a.length, right: b.length };
  if (!numeric) return { order: compareText(a, b), length };
  if (a === "" || b === "") return { order: a.length - b.length, length };
  const order = BigInt(a) === BigInt(b) ? 0 : BigInt(a) < BigInt(b) ? -1 : 1;
  return { order, length };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
