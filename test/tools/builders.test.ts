/** Real builds with podman and buildah: repeatable digests, platforms, secrets, failures, cancellation, no leftovers. */
import { linkSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import type { BuildRequest } from "../../provider/resources/ports.ts";
import { builders } from "../../provider/tools/builders.ts";
import { runProgram } from "../../provider/tools/process.ts";
import {
  containerfile,
  everything,
  images,
  makeContext,
  makeRequest,
  makeRoom,
  onlyEntry,
  tarEntries,
  type Room,
} from "./build-fixture.ts";
import { processesWith } from "./process-waiting.ts";

let room: Room;
let run: RunProgram;
beforeAll(() => {
  room = makeRoom();
  run = (request) => runProgram({ ...request, environment: { ...room.environment, ...request.environment } });
});
afterAll(() => rmSync(room.directory, { recursive: true, force: true }));

async function built(request: BuildRequest): Promise<string> {
  await builders(run).build(request);
  return onlyEntry(request.layoutDirectory).digest;
}

/** The message as a person sees it; the build must end in a Failure. */
async function trouble(request: BuildRequest, runner = run): Promise<string> {
  return builders(runner)
    .build(request)
    .then(
      () => expect.fail("the build should have ended in a Failure"),
      (error: unknown) => describeFailure(asFailure(error)),
    );
}

async function output(program: string, ...args: readonly string[]): Promise<string> {
  return (await run({ program, args, purpose: "to look", signal: new AbortController().signal })).stdout;
}

/** Nothing of a build may stay beside its layout directory. */
function buildFolders(): readonly string[] {
  return readdirSync(room.directory).filter((name) => name.includes("-build-"));
}

describe("the same inputs give the same digest", () => {
  const text = containerfile("WORKDIR /srv", "COPY site site", 'RUN echo "$SOURCE_DATE_EPOCH" > /epoch && /bin/busybox mkdir /made');
  const files = { "site/index.html": "hello", "site/deep/run.sh": "#!/bin/sh\n" };

  test("whatever the folder, umask, times, hard links and builder, cached or not", async () => {
    const first = makeContext(join(room.directory, "first"), files);
    const umask = process.umask(0o077);
    const second = makeContext(join(room.directory, "elsewhere", "second"), files);
    process.umask(umask);
    rmSync(join(second, "site/index.html"));
    makeContext(second, { "site/other": "hello" });
    linkSync(join(second, "site/other"), join(second, "site/index.html"));
    rmSync(join(second, "site/other"));
    utimesSync(join(second, "site/deep/run.sh"), 1_000_000_000, 1_000_000_000);
    const requests = [
      makeRequest(room, first, { containerfileText: text, builder: "buildah" }),
      makeRequest(room, second, { containerfileText: text, builder: "podman" }),
    ];
    const digests = await Promise.all(requests.map(built));
    await output("buildah", "rmi", "--all", "--force");
    for (const request of requests.toReversed()) digests.push(await built(makeRequest(room, request.context, { containerfileText: text })));
    expect(digests).toEqual(Array.from({ length: 4 }, () => digests[0]));
    expect(buildFolders()).toEqual([]);
  });

  test("layers hold modes as in Git, our owner and our time; the history holds no path of this computer", async () => {
    const request = makeRequest(room, makeContext(join(room.directory, "facts"), files), { containerfileText: text });
    await built(request);
    const [image] = images(request.layoutDirectory);
    const entries = image?.layers.flatMap(tarEntries) ?? [];
    expect(entries).toEqual(
      expect.arrayContaining([
        "0 bin/busybox 755 0 315532800",
        "5 srv/site/deep/ 755 0 315532800",
        "0 srv/site/index.html 644 0 315532800",
        "0 epoch 644 0 315532800",
      ]),
    );
    expect(entries.every((entry) => entry.endsWith(" 0 315532800"))).toBe(true);
    expect(everything(request.layoutDirectory)).not.toContain(room.directory);
    expect(image?.configuration.created).toBe("1980-01-01T00:00:00Z");
  });

  test("a build by hand with other times does not slip in through the cache", async () => {
    const context = makeContext(join(room.directory, "by-hand"), { "a.txt": "by hand" });
    const plain = containerfile("COPY a.txt /a.txt");
    makeContext(context, { Containerfile: plain });
    await output("buildah", "build", "--layers", "--tag", "by-hand", context);
    const request = makeRequest(room, context, { containerfileText: plain });
    await built(request);
    const entries = images(request.layoutDirectory)[0]?.layers.flatMap(tarEntries);
    expect(entries).toEqual([
      "5 bin/ 755 0 315532800",
      "0 bin/busybox 755 0 315532800",
      "5 bin/ 755 0 315532800",
      "0 bin/sh 755 0 315532800",
      "0 a.txt 644 0 315532800",
    ]);
  });
});

describe("what a request says", () => {
  test("arguments, labels and the target arrive", async () => {
    const text = `ARG greeting\n${containerfile("ARG greeting", 'RUN echo "$greeting" > /greeting')}FROM scratch AS unused\nCOPY nowhere /\n`;
    const request = makeRequest(room, makeContext(join(room.directory, "args")), {
      containerfileText: text.replace("FROM scratch", "FROM scratch AS wanted"),
      buildArgs: { greeting: "good $(id) day" },
      labels: { "org.example.text": 'a "b"=c' },
      target: "wanted",
    });
    await built(request);
    const [image] = images(request.layoutDirectory);
    expect(image?.configuration.config.Labels).toEqual({ "org.example.text": 'a "b"=c' });
    expect(image?.layers.at(-1)?.toString()).toContain("good $(id) day\n");
  });

  test.each(["buildah", "podman"] as const)("%s: the ignore file counts, also the one beside the Containerfile", async (builder) => {
    const context = makeContext(join(room.directory, `ignore-${builder}`), { "d/keep": "", "d/drop": "", ".dockerignore": "d/drop\n" });
    const request = makeRequest(room, context, { builder, containerfileText: containerfile("COPY d /d") });
    await built(request);
    expect(
      images(request.layoutDirectory)[0]
        ?.layers.flatMap(tarEntries)
        .filter((entry) => entry.includes("d/")),
    ).toEqual(["5 d/ 755 0 315532800", "0 d/keep 644 0 315532800"]);
    makeContext(context, { "Containerfile.dockerignore": "d/keep\n" });
    const other = makeRequest(room, context, { builder, containerfileText: containerfile("COPY d /d") });
    await built(other);
    expect(images(other.layoutDirectory)[0]?.layers.flatMap(tarEntries)).toContain("0 d/drop 644 0 315532800");
  });

  test("several platforms make one index, each image for its own platform though steps are cached", async () => {
    const context = makeContext(join(room.directory, "platforms"), { "a.txt": "for all" });
    const platforms = ["linux/amd64", "linux/arm64"];
    const containerfileText = containerfile("COPY a.txt /a.txt");
    const first = makeRequest(room, context, { platforms, containerfileText });
    const again = makeRequest(room, context, { platforms, containerfileText, builder: "podman" });
    expect(await built(first)).toBe(await built(again));
    expect(onlyEntry(first.layoutDirectory).mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(images(first.layoutDirectory).map(({ configuration }) => configuration.architecture)).toEqual(["amd64", "arm64"]);
  });
});

describe("secrets", () => {
  test.each(["buildah", "podman"] as const)("%s: a secret reaches its step and nothing else", async (builder) => {
    const secret = "hunter2-hunter2\nsecond-line-of-it";
    const lines: string[] = [];
    const read = "/bin/busybox sha256sum /run/secrets/token > /hash; /bin/busybox cat /run/secrets/token";
    const step = `RUN --mount=type=secret,id=token echo ${builder}; ${read}`;
    const request = makeRequest(room, makeContext(join(room.directory, "secret")), {
      builder,
      containerfileText: containerfile(step),
      secrets: { token: secret },
      onLine: (line) => lines.push(line),
    });
    await built(request);
    expect(lines.join("\n")).toContain("[redacted]\n[redacted]");
    expect(lines.join("\n")).not.toMatch(/hunter2|second-line/);
    expect(everything(request.layoutDirectory)).not.toMatch(/hunter2|second-line/);
    expect(everything(request.layoutDirectory)).toMatch(/[0-9a-f]{64} {2}\/run\/secrets\/token/);
    expect(buildFolders()).toEqual([]);
  });

  test("a name that builders would read as something else is refused", async () => {
    const request = makeRequest(room, makeContext(join(room.directory, "secret")), { secrets: { "a,src=/etc/shadow": "x" } });
    expect(await trouble(request)).toMatchInlineSnapshot(
      `"secrets: "a,src=/etc/shadow" cannot name a build secret; use letters, digits, "_", "-" and ".""`,
    );
  });
});

describe("storage", () => {
  test("building a changing context again and again keeps one image and its steps", async () => {
    await output("buildah", "rmi", "--all", "--force");
    const counts: number[] = [];
    for (const version of ["1", "2", "3"]) {
      const context = makeContext(join(room.directory, "growing"), { version });
      await built(makeRequest(room, context, { builder: "podman", containerfileText: containerfile("COPY version /version", "USER 1") }));
      counts.push((await output("podman", "images", "--all", "--quiet")).trim().split("\n").length);
    }
    expect(new Set(counts).size).toBe(1);
    expect(await output("buildah", "containers", "--quiet")).toBe("");
  });

  test.each(["buildah", "podman"] as const)("%s: a cancelled build leaves nothing, though its step ignores SIGTERM", async (builder) => {
    const controller = new AbortController();
    const seconds = `9${process.pid}`;
    const request = makeRequest(room, makeContext(join(room.directory, "cancel")), {
      builder,
      signal: controller.signal,
      containerfileText: containerfile(`RUN trap "" TERM; echo begun; /bin/busybox sleep ${seconds}`),
      onLine: (line) => line === "begun" && controller.abort(),
    });
    expect(await trouble(request)).toBe(`The build of Containerfile with ${builder} was cancelled.`);
    expect(processesWith(`sleep\0${seconds}`)).toEqual([]);
    expect(await output("buildah", "containers", "--quiet")).toBe("");
    expect(buildFolders()).toEqual([]);
    expect(readdirSync(request.layoutDirectory)).toEqual([]);
  });
});
