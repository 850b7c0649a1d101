/** The environment that a child gets: a short list, so that credentials of other tools never reach it. */

const names = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "STORAGE_DRIVER",
  "STORAGE_OPTS",
  "CONTAINERS_CONF",
  "CONTAINERS_REGISTRIES_CONF",
  "CONTAINERS_STORAGE_CONF",
  "CONTAINER_CONNECTION",
  "CONTAINER_HOST",
  "CONTAINER_SSHKEY",
  "REGISTRY_AUTH_FILE",
  "DOCKER_CERT_PATH",
  "DOCKER_CONFIG",
  "DOCKER_CONTEXT",
  "DOCKER_HOST",
  "DOCKER_TLS_VERIFY",
]);
const prefixes = ["XDG_", "BUILDAH_", "BUILDX_"];
const proxies = new Set(["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"]);

function passes(name: string): boolean {
  return names.has(name) || proxies.has(name.toLowerCase()) || prefixes.some((prefix) => name.startsWith(prefix));
}

/** What passes of `own`, a fixed locale (output is read by us), then `added`. */
export function childEnvironment(own: NodeJS.ProcessEnv, added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const passed = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined && passes(entry[0]));
  return { ...Object.fromEntries(passed), LANG: "C.UTF-8", LC_ALL: "C.UTF-8", ...added };
}
