/** Where administrators' programs are: Debian keeps them out of a user's PATH. */
export function administrators(): Record<string, string> {
  return { PATH: [process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(":") };
}
