/** Where a registry may send us: no credentials to another host, no way down to plain HTTP, no upload elsewhere. Pure. */
import type { Trouble } from "./trouble.ts";

/** The next address of a redirect. The caller adds credentials only on the registry's own origin. */
export function redirectTarget(from: URL, redirect: { readonly method: string; readonly location: string | undefined }): URL | Trouble {
  const to = URL.parse(redirect.location ?? "", from.href);
  if (to === null) return { trouble: "foreign-redirect", passing: false, reason: `${from.host} redirects to no address that can be read` };
  to.username = "";
  to.password = "";
  if (redirect.method !== "GET" && redirect.method !== "HEAD") return refused(from, to, "what is sent to a registry stays there");
  if (from.protocol === "https:" && to.protocol !== "https:") return refused(from, to, "that way is not encrypted");
  return to.protocol === "https:" || to.protocol === "http:" ? to : refused(from, to, "only http and https are followed");
}

function refused(from: URL, to: URL, why: string): Trouble {
  return {
    trouble: "foreign-redirect",
    passing: false,
    reason: `${from.host} sends us on to ${to.protocol}//${to.host}, and ${why}`,
    fix: `check the address that ${from.host} is set up to give for itself; behind a proxy it often needs to be told its public name and https.`,
  };
}

/** A host that the registry sent us to gives no answer that can be used; what it says is not shown. */
export function foreignTrouble(url: URL, status: number): Trouble {
  return {
    trouble: status >= 500 || status === 429 ? "server-error" : "refused",
    passing: status >= 500 || status === 429,
    reason: `the registry sent us on to ${url.host}, which answered ${status}`,
    fix: "look at the storage behind the registry; links to it may have expired.",
  };
}

/** Where an upload goes on: always on the origin that the upload was asked of. */
export function uploadTarget(asked: URL, location: string | undefined): URL | Trouble {
  const to = URL.parse(location ?? "", asked.href);
  if (location === undefined || to === null) {
    return { trouble: "refused", passing: false, reason: `${asked.host} names no address for the upload` };
  }
  to.username = "";
  to.password = "";
  return to.origin === asked.origin ? to : refused(asked, to, "what is sent to a registry stays there");
}

export function untrustedTokenService(url: URL): Trouble {
  return {
    trouble: "foreign-redirect",
    passing: false,
    reason: `the registry wants its login sent to ${url.protocol}//${url.host}, and it has not proved that it may`,
    fix: "use https with a certificate that is trusted for the registry and for its token service.",
  };
}
