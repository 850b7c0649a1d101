/** Logins against token services and Basic registries. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startRegistry } from "../fakes/docker-registry.ts";
import { answer } from "../fakes/hostile-registry.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { hostile, imagesIn, layoutOf, messageOf, never, scratchFolder } from "./scratch.ts";

const image = makeImage();
const login = { username: "ci", password: "hunter2!" };
const silent = (): void => undefined;

interface TokenServiceOptions {
  readonly field?: string;
  /** At the first request of each of these methods all tokens so far stop counting. */
  readonly revokeAt?: readonly string[];
  readonly expiresInSeconds?: number;
  readonly config?: object;
}

/** A registry behind a token service on another port of its host. Tokens are `t1`, `t2`, ... */
async function withTokenService({ field = "token", revokeAt = [], expiresInSeconds = 300, config }: TokenServiceOptions = {}) {
  const asked: { readonly url: string; readonly authorization: string | undefined; readonly form: string }[] = [];
  const service = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push({ url: request.url ?? "", authorization: request.headers.authorization, form: Buffer.concat(chunks).toString() });
      answer(response, 200, { body: JSON.stringify({ [field]: `t${asked.length}`, expires_in: expiresInSeconds }) });
    });
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void service.close());
  const realm = `http://127.0.0.1:${(service.address() as AddressInfo).port}/token`;
  const set = await hostile({ login });
  if (config !== undefined) {
    const text = JSON.stringify(config).replaceAll("HOST", set.registry.host);
    await writeFile(join(set.folder, "config", "containers", "auth.json"), text);
  }
  const revocations = [...revokeAt];
  let oldest = 1;
  set.registry.hold("team/os", image, ["in-1"]);
  set.registry.misbehave((request, response) => {
    if (revocations[0] === request.method) {
      revocations.shift();
      oldest = asked.length + 1;
    }
    if (Number(request.headers.authorization?.slice("Bearer t".length)) >= oldest) return false;
    return answer(response, 401, {
      headers: { "www-authenticate": `Bearer realm="${realm}",service="registry",scope="repository:team/os:pull"` },
    });
  });
  return { ...set, asked, realm };
}

test.each(["token", "access_token"])("a token under %s is fetched once, and then each look-up is one HEAD", async (field) => {
  const { registry, images, repository, asked } = await withTokenService({ field });
  for (let count = 0; count < 3; count += 1)
    expect(await images.resolve({ ...repository, tag: "in-1" }, { signal: never })).toBe(image.digest);
  const basic = `Basic ${Buffer.from("ci:hunter2!").toString("base64")}`;
  expect(asked).toEqual([
    { url: "/token?service=registry&scope=repository%3Ateam%2Fos%3Apull&account=ci", authorization: basic, form: "" },
  ]);
  expect(registry.seen.map((one) => `${one.method} ${one.authorization}`)).toEqual([
    "HEAD undefined",
    "HEAD Bearer t1",
    "HEAD Bearer t1",
    "HEAD Bearer t1",
  ]);
});

test("a token that stops counting in mid-use is renewed once, also in the middle of an upload", async () => {
  const { images, repository, registry, asked } = await withTokenService({ revokeAt: ["POST", "PUT"] });
  registry.blobs.clear();
  const done = await images.publish({
    repository,
    tags: ["in-2"],
    layoutDirectory: await layoutOf(image),
    signal: never,
    onProgress: silent,
  });
  expect(done.digest).toBe(image.digest);
  // One to push, one after each revocation, one to read back.
  expect(asked).toHaveLength(4);
});

test("an identity token is traded in at the token service", async () => {
  const config = { auths: { HOST: { auth: Buffer.from("<token>:").toString("base64"), identitytoken: "long-lived" } } };
  const { images, repository, asked } = await withTokenService({ field: "access_token", config });
  expect(await images.resolve({ ...repository, tag: "in-1" }, { signal: never })).toBe(image.digest);
  expect(asked).toEqual([
    {
      url: "/token",
      authorization: undefined,
      form: "service=registry&scope=repository%3Ateam%2Fos%3Apull&grant_type=refresh_token&client_id=bootable&refresh_token=long-lived",
    },
  ]);
});

test("an answer of a token service without a token shows nothing of it", async () => {
  const { images, repository, registry, realm } = await withTokenService({ field: "secret_sauce" });
  const replace = { [registry.host]: "registry.example.com", [new URL(realm).host]: "auth.example.com" };
  expect(await messageOf(images.resolve({ ...repository, tag: "in-1" }, { signal: never }), replace)).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: the registry asks for a login, but the answer of its token service auth.example.com holds no token.
    fix: check that registry.example.com is set up as a container registry."
  `);
});

test("a registry that proved nothing cannot have the login sent to another host", async () => {
  const { images, repository, registry } = await hostile({ login });
  const headers = { "www-authenticate": 'Bearer realm="https://evil.example/token",service="registry"' };
  registry.misbehave((_, response) => answer(response, 401, { headers }));
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: the registry wants its login sent to https://evil.example, and it has not proved that it may.
    fix: use https with a certificate that is trusted for the registry and for its token service."
  `);
});

test("a credential helper is asked, and what it says is used", async () => {
  const registry = await startRegistry({ auth: true });
  onTestFinished(() => registry.stop());
  const bin = await scratchFolder();
  const configHome = await scratchFolder();
  const helper = join(bin, "docker-credential-testing");
  await writeFile(
    helper,
    `#!/bin/sh\nread host\n[ "$1 $host $KIOSK_PROFILE" = "get ${registry.host} own" ] && echo '{"Username":"kiosk","Secret":"kiosk-secret"}' || { echo "credentials not found in native keychain"; exit 1; }\n`,
  );
  await chmod(helper, 0o755);
  await mkdir(join(configHome, "containers"));
  await writeFile(join(configHome, "containers", "registries.conf"), `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  await writeFile(join(configHome, "containers", "auth.json"), JSON.stringify({ credHelpers: { [registry.host]: "testing" } }));
  const before = process.env["PATH"];
  process.env["PATH"] = `${bin}:${before}`;
  onTestFinished(() => void (process.env["PATH"] = before));
  // Helpers of clouds are told by variables of their own which account is meant.
  const images = await imagesIn(configHome, { environment: { KIOSK_PROFILE: "own" } });
  const repository = { registry: registry.host, repository: "team/os" };
  const done = await images.publish({
    repository,
    tags: ["in-1"],
    layoutDirectory: await layoutOf(image),
    signal: never,
    onProgress: silent,
  });
  expect(done.digest).toBe(image.digest);
});

test("a helper's name that is a path is refused", async () => {
  const { registry, images, repository, folder } = await hostile();
  const path = join(folder, "config", "containers", "auth.json");
  await writeFile(path, JSON.stringify({ credsStore: "../../tmp/evil" }));
  registry.misbehave((_, response) => answer(response, 401, { headers: { "www-authenticate": "Basic" } }));
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [path]: "<auth.json>" })).toMatchInlineSnapshot(`
    "<auth.json> names the credential helper "../../tmp/evil"; a name has only letters, digits, ".", "_" and "-".
    fix: correct credHelpers or credsStore there."
  `);
});

test("an auth file that is no JSON", async () => {
  const { registry, images, repository, folder } = await hostile();
  const path = join(folder, "config", "containers", "auth.json");
  await writeFile(path, "{ auths");
  registry.misbehave((_, response) => answer(response, 401, { headers: { "www-authenticate": "Basic" } }));
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [path]: "<auth.json>" })).toMatchInlineSnapshot(`
    "<auth.json> holds the logins for registries, but it is not a JSON object.
    fix: mend it, or move it away and log in again with "podman login"."
  `);
});
