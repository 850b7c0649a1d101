/** What a person reads when a build cannot start or stops: whole messages of real builders. */
import { chmodSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asFailure, describeFailure, Failure } from "../../provider/failure.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import type { BuildRequest } from "../../provider/resources/ports.ts";
import { atLeast } from "../../provider/tools/builder-probe.ts";
import { builders } from "../../provider/tools/builders.ts";
import { missingEmulator } from "../../provider/tools/foreign-platform.ts";
import { missingIds } from "../../provider/tools/subordinate-ids.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { containerfile, makeContext, makeRequest, makeRoom, type Room } from "./build-fixture.ts";

let room: Room;
let run: RunProgram;
beforeAll(() => {
  room = makeRoom();
  run = (request) => runProgram({ ...request, environment: { ...room.environment, ...request.environment } });
});
afterAll(() => rmSync(room.directory, { recursive: true, force: true }));

async function failureOf(request: BuildRequest, runner = run): Promise<Failure> {
  return builders(runner)
    .build(request)
    .then(
      () => expect.fail("the build should have ended in a Failure"),
      (error: unknown) => asFailure(error),
    );
}

function request(name: string, text: string, more: Partial<BuildRequest> = {}): BuildRequest {
  return makeRequest(room, makeContext(join(room.directory, name)), { containerfileText: text, ...more });
}

/** Ids of images differ by builder version: they are taken out. */
function shown(failure: Failure): string {
  return describeFailure(failure).replaceAll(/[0-9a-f]{64}|\b[0-9a-f]{11,12}\b/g, "ID");
}

/** Where no program of a step gave it, a builder's exit code differs by version. */
function codeTakenOut(message: string): string {
  return message.replace(/code \d+/, "code N");
}

describe("a step that stops", () => {
  test.each(["podman", "buildah"] as const)("%s: says which, with its exit code and the last lines", async (builder) => {
    const secrets = { password: "correct-horse" };
    const text = containerfile("RUN echo compiling; echo no rule for correct-horse >&2; exit 7");
    const failure = await failureOf(request("stops", text, { builder, secrets }));
    expect({ kind: failure.kind, code: failure.code }).toEqual({ kind: "tool", code: "exit" });
    const [message, ...more] = shown(failure).split("\n");
    expect(message).toBe(
      `The build of Containerfile stopped at "RUN echo compiling; echo no rule for [redacted] >&2; exit 7": ${builder} exited with code 7. ` +
        `Nothing was published; finished steps stay in ${builder}'s cache.`,
    );
    expect(more).toEqual(expect.arrayContaining(["compiling", "no rule for [redacted]"]));
    expect(more.at(-1)).toBe("fix: mend what the last lines name, then run pulumi up again.");
    expect(shown(failure)).not.toContain("correct-horse");
  });

  test("texts that nobody may read are taken out of the step, of the last lines and of every line on the way", async () => {
    const lines: string[] = [];
    const text = containerfile("ARG MOOD", "RUN echo mood $MOOD; echo not correct-horse; exit 7");
    const failure = await failureOf(
      request("mood", text, { buildArgs: { MOOD: "correct-horse" }, redact: ["correct-horse"], onLine: (line) => lines.push(line) }),
    );
    const [message, ...more] = shown(failure).split("\n");
    expect(message).toBe(
      'The build of Containerfile stopped at "RUN echo mood $MOOD; echo not [redacted]; exit 7": buildah exited with code 7. ' +
        "Nothing was published; finished steps stay in buildah's cache.",
    );
    expect(more).toEqual(expect.arrayContaining(["mood [redacted]", "not [redacted]"]));
    expect(more.at(-1)).toBe("fix: mend what the last lines name, then run pulumi up again.");
    expect(lines).toContain("mood [redacted]");
    expect(`${lines.join("\n")}${shown(failure)}`).not.toContain("correct-horse");
  });

  test("a COPY of something missing names no folder of ours", async () => {
    const failure = await failureOf(request("missing", containerfile("COPY nothing /there"), { containerfile: "images/Containerfile" }));
    expect(codeTakenOut(failure.message)).toBe(
      'The build of images/Containerfile stopped at "COPY nothing /there": buildah exited with code N. ' +
        "Nothing was published; finished steps stay in buildah's cache.",
    );
    expect(failure.detail).toContain("nothing");
  });

  test("a platform whose programs this computer cannot run says what makes it run them", async () => {
    const foreign = request("foreign", "FROM scratch\nCOPY sh /bin/sh\nRUN echo hello\n", { platforms: ["linux/s390x"] });
    makeContext(foreign.context, { sh: "\u007fELF, but of another machine" });
    chmodSync(join(foreign.context, "sh"), 0o755);
    const failure = await failureOf(foreign);
    expect(codeTakenOut(failure.message)).toBe(
      'The build of Containerfile for linux/s390x stopped at "RUN echo hello": buildah exited with code N. ' +
        "Nothing was published; finished steps stay in buildah's cache.",
    );
    expect(failure.detail).toMatch(/exec format error/i);
    expect(failure.fix).toBe(
      "install qemu-user-static: this computer cannot run the programs of linux/s390x by itself, " +
        "and no qemu-s390x is registered with its kernel.",
    );
  });
});

describe("no builder that can", () => {
  /** A PATH that has only these programs. */
  function only(...programs: readonly string[]): RunProgram {
    const bin = join(room.directory, `bin-${programs.join("-")}`);
    const context = makeContext(bin);
    for (const program of programs) symlinkSync(join("/usr/bin", program), join(context, program));
    return (given) => run({ ...given, environment: { PATH: context } });
  }

  test("none on PATH says what to install", async () => {
    const failure = await failureOf(request("none", containerfile(), { builder: "auto" }), only());
    expect({ kind: failure.kind, code: failure.code }).toEqual({ kind: "environment", code: "not-found" });
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "A builder is needed to build images, and none was found on PATH: neither podman nor buildah nor docker.
      fix: install podman, or set bootable:tools.podman to its path."
    `);
  });

  test("the one asked for is missing", async () => {
    const failure = await failureOf(request("none", containerfile(), { builder: "docker" }), only());
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "docker is needed to build images, and none was found on PATH.
      fix: install docker.io (Debian) or moby-engine (Fedora), or set bootable:tools.docker to its path."
    `);
  });

  test("a docker client without its engine", async () => {
    const noEngine: RunProgram = (given) => run({ ...given, environment: { DOCKER_HOST: `unix://${room.directory}/none.sock` } });
    const failure = await failureOf(request("none", containerfile(), { builder: "docker" }), noEngine);
    expect(describeFailure(failure).replaceAll(room.directory, "/room")).toMatchInlineSnapshot(`
      "docker was found, but its engine does not answer.
      Cannot connect to the Docker daemon at unix:///room/none.sock. Is the docker daemon running?
      fix: start the Docker engine, or install podman or buildah, which need none."
    `);
  });

  test("with auto, what each of them said is told", async () => {
    const broken: RunProgram = async (given) => {
      if (given.program === "docker") throw new Failure({ kind: "environment", code: "not-found", message: "none" });
      throw new Failure({ kind: "tool", code: "exit", message: "exited", detail: `first\n${given.program}: no such folder /gone` });
    };
    const failure = await failureOf(request("broken", containerfile(), { builder: "auto" }), broken);
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "None of the builders found on PATH can build this image:
      podman was found, but it does not answer.
        it said: podman: no such folder /gone
      buildah was found, but it does not answer.
        it said: buildah: no such folder /gone
      fix: see what "podman info" says ("podman machine start" starts its machine where it has one), or set builder to another one."
    `);
  });

  test("auto passes over what does not work and takes the next", async () => {
    const lines: string[] = [];
    const asked: string[] = [];
    const noPodman: RunProgram = (given) => {
      asked.push(given.program);
      return run({ ...given, ...(given.program === "podman" ? { program: "/bin/false" } : {}) });
    };
    await builders(noPodman).build(request("next", containerfile("USER 1"), { builder: "auto", onLine: (line) => lines.push(line) }));
    expect(asked.slice(0, 2)).toEqual(["podman", "buildah"]);
    expect(lines.join("\n")).toContain("USER 1");
  });

  test("a here-document that the builder cannot read is named before anything runs", async () => {
    const text = containerfile("RUN <<EOF", "echo hello", "EOF");
    // Debian 13 has a newer one, so the version is played.
    const old: RunProgram = async (given) => {
      if (given.args[0] !== "version") throw new Failure({ kind: "bug", message: "nothing but its version should be asked" });
      return { exitCode: 0, stdout: '{"version": "1.28.2"}', stderr: "" };
    };
    expect(describeFailure(await failureOf(request("here", text), old))).toMatchInlineSnapshot(`
      "Containerfile line 4 has a here-document (<<EOF), which buildah 1.28.2 cannot build.
      fix: install buildah 1.33 or podman 4.8 or newer, or write that step without a here-document."
    `);
    expect(readdirSync(room.directory).filter((name) => name.includes("-build-"))).toEqual([]);
  });

  test.each([
    ["1.32.9", false],
    ["1.33.0", true],
    ["v1.33.2-dev", true],
    ["2.0", true],
    ["", true],
  ])("version %j reads here-documents: %s", (version, expected) => expect(atLeast(version, [1, 33])).toBe(expected));
});

test("a user without rights and without ranges of ids is told the command that gives them", async () => {
  const user = { uid: 1001, username: "ann" };
  const file = join(room.directory, "subuid");
  const files = [file, file];
  const command = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann";
  expect(await missingIds(user, files)).toBe(command);
  writeFileSync(file, "bob:100000:65536\nann:165536:0\n");
  expect(await missingIds(user, files)).toBe(command);
  expect(await missingIds({ ...user, uid: 0 }, files)).toBeUndefined();
  for (const line of ["ann:100000:65536", "1001:100000:65536"]) {
    writeFileSync(file, `${line}\n`);
    expect(await missingIds(user, files)).toBeUndefined();
  }
});

test("the emulator that a platform needs is looked for among the kernel's handlers", async () => {
  const native = process.arch === "x64" ? "linux/amd64" : "linux/arm64";
  expect(await missingEmulator(undefined)).toBe(undefined);
  expect(await missingEmulator(native)).toBe(undefined);
  expect(await missingEmulator("linux/s390x", "/nowhere")).toBe("qemu-s390x");
});
