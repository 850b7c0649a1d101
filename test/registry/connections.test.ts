/** How a server is reached: certificates, proxies, connections that do not come about. */
import { rm } from "node:fs/promises";
import { createServer as createProxy } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { networkTrouble } from "../../provider/registry/trouble.ts";
import { startRegistry, writeContainersConfig } from "../fakes/docker-registry.ts";
import { makeImage, sha256 } from "../fakes/oci-layout.ts";
import { imagesIn, layoutOf, messageOf, never, scratchFolder } from "./scratch.ts";

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a client certificate from certs.d is shown to a registry that asks for one", async () => {
  const registry = await startRegistry({ tls: true, clientCertificates: true });
  onTestFinished(() => registry.stop());
  const repository = { registry: registry.host, repository: "team/os" };
  const publish = async () => {
    const images = await imagesIn(registry.configHome);
    return images.publish({
      repository,
      tags: ["v1"],
      layoutDirectory: await layoutOf(makeImage()),
      signal: never,
      onProgress: () => undefined,
    });
  };
  expect((await publish()).digest).toBe(makeImage().digest);
  await rm(join(registry.configHome, "containers", "certs.d", registry.host, "client.key"));
  await expect(publish()).rejects.toThrow(registry.host);
});

test("what a refused client certificate is called", () => {
  const error = Object.assign(new Error("alert"), { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" });
  const { reason, fix } = networkTrouble(error, "registry.example.com");
  expect({ reason, fix }).toMatchInlineSnapshot(`
    {
      "fix": "if it asks for client certificates, put one in /etc/containers/certs.d/registry.example.com/ as client.cert with client.key.",
      "reason": "registry.example.com refused our side of the TLS handshake (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)",
    }
  `);
});

test("a server that takes the connection and never says hello", async () => {
  const sockets: { destroy(): unknown }[] = [];
  const host = await listening(createServer((socket) => void sockets.push(socket)));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  const images = await imagesIn(await scratchFolder(), { patience: { connectSeconds: 0.1, attempts: 2 } });
  const work = images.resolve({ registry: host, repository: "team/os", tag: "v1" }, { signal: never });
  expect(await messageOf(work, { [host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:v1: no connection to registry.example.com came about in time, in 2 attempts.
    fix: check that registry.example.com is the registry's name and port and that it is up."
  `);
});

test("a proxy from the environment is used", async () => {
  const asked: string[] = [];
  const proxy = createProxy((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "docker-content-digest": sha256("x") }).end();
  });
  proxy.on("connect", (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  const address = await listening(proxy);
  const configHome = await writeContainersConfig(await scratchFolder(), { host: "registry.example.com" });
  const images = await imagesIn(configHome, { environment: { HTTP_PROXY: `http://${address}`, HTTPS_PROXY: `http://${address}` } });
  const digest = await images.resolve({ registry: "registry.example.com", repository: "team/os", tag: "v1" }, { signal: never });
  expect(digest).toBe(sha256("x"));
  expect(asked).toEqual(["CONNECT registry.example.com:443", "HEAD http://registry.example.com/v2/team/os/manifests/v1"]);
});
