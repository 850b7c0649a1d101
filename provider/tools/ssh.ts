/** OpenSSH: keys, and commands on machines whose host key is known beforehand. */
import { Failure } from "../failure.ts";
import type { RunProgram } from "../model/program.ts";
import type { SshCommand } from "../model/ssh-command.ts";

interface Key {
  readonly directory: string;
  readonly file: string;
  readonly comment: string;
  readonly signal: AbortSignal;
}

/** The far side hands the words to the user's login shell: each is quoted so that it arrives verbatim. */
export function remoteWord(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Neither the user's configuration nor agent nor known hosts have a say. */
export function sshArgs({ port, command, keyFile, knownHostsFile, timeoutSeconds }: Omit<SshCommand, "directory" | "signal">): string[] {
  const options = {
    BatchMode: "yes",
    ConnectTimeout: String(Math.max(1, Math.ceil(timeoutSeconds))),
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: "machine",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    IdentityFile: keyFile,
    LogLevel: "ERROR",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHostsFile,
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["-F", "none", "-T", "-p", String(port), ...settings, "root@127.0.0.1", "--", command.map(remoteWord).join(" ")];
}

export function sshKeygenArgs(file: string, comment: string): string[] {
  return ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file];
}

/** ssh itself ends with 255 when it could not reach the far side. */
const unreachable = 255;

export function ssh(run: RunProgram) {
  return {
    createKey: async ({ directory, file, comment, signal }: Key): Promise<void> => {
      const purpose = "to make a machine's SSH keys";
      await run({ program: "ssh-keygen", args: sshKeygenArgs(file, comment), purpose, workingDirectory: directory, signal });
    },
    runCommand: async (command: SshCommand): Promise<string | undefined> => {
      const { directory, timeoutSeconds, signal } = command;
      const purpose = "to check a machine's health";
      const program = "ssh";
      const exitCodes = Array.from({ length: 256 }, (_, code) => code);
      try {
        const result = await run({
          program,
          args: sshArgs(command),
          purpose,
          workingDirectory: directory,
          signal,
          timeoutSeconds,
          exitCodes,
        });
        if (result.exitCode === 0) return undefined;
        if (result.exitCode === unreachable) return `could not be run over SSH: ${result.stderr.trim().split("\n").at(-1) ?? ""}`;
        return `ended with exit code ${result.exitCode}`;
      } catch (thrown) {
        if (thrown instanceof Failure && thrown.code === "timeout") return `had not ended after ${timeoutSeconds} s`;
        throw thrown;
      }
    },
  };
}
