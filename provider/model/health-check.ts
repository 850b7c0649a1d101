/** The `healthCheck` property: how a host is asked, from the outside, whether it does its work. */

export interface HealthCheck {
  /** Connects to a guest port. */
  readonly tcp?: { readonly port: number };
  /** GETs a path and expects a status (default 200). */
  readonly http?: { readonly port: number; readonly path: string; readonly status: number };
  /** Runs a command over SSH and expects exit code 0. */
  readonly ssh?: { readonly command: readonly string[] };
  readonly timeoutSeconds: number;
  readonly intervalSeconds: number;
}
