/** Components: what they register with the engine, and what they answer. */
import { status } from "@grpc/grpc-js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import { expect, test } from "vitest";
import { startMonitor } from "./fake-monitor.ts";
import { refused, startEngine, startProvider, struct } from "./provider-process.ts";

const signature = "4dabf18193072939515e22adb298388d";
const secret = (value: unknown): object => ({ [signature]: "1b47061264138c4ac30d75fd1eb44270", value });
const outputValue = (value: unknown, isSecret: boolean): object => ({
  [signature]: "d0e6a833031e9bbcd3f4e8bde6ca49a4",
  value,
  secret: isSecret,
  dependencies: [],
});

function request(stack: string, monitor: string, inputs: object): InstanceType<typeof proto.ConstructRequest> {
  const message = new proto.ConstructRequest().setType("probe:index:Pair").setName("pair").setProject("shop").setStack(stack);
  return message.setOrganization("acme").setMonitorendpoint(monitor).setInputs(struct(inputs)).setParallel(4);
}

test("two at a time keep their configuration, secrets and providers apart", async () => {
  const [engine, dev, prod] = await Promise.all([startEngine(), startMonitor({ stack: "dev" }), startMonitor({ stack: "prod" })]);
  const { call } = await startProvider([engine.address]);
  const provider = "urn:pulumi:dev::shop::pulumi:providers:probe::mine::some-id";
  const first = request("dev", dev.address, { content: "open", nested: { a: outputValue("x", true) } });
  first.getConfigMap().set("probe:color", "red");
  first.getProvidersMap().set("probe", provider);
  const second = request("prod", prod.address, { content: secret("hush"), nested: [1, "two"] });
  second.getConfigMap().set("probe:color", "blue");
  const [left, right] = await Promise.all([call("construct", first), call("construct", second)]);
  expect(left.getUrn()).toBe("urn:pulumi:dev::shop::probe:index:Pair::pair");
  expect(right.getUrn()).toBe("urn:pulumi:prod::shop::probe:index:Pair::pair");
  expect(left.getState()?.toJavaScript()).toMatchObject({ config: "red of acme/shop/dev", nested: { a: secret("x") } });
  expect(right.getState()?.toJavaScript()).toMatchObject({ config: "blue of acme/shop/prod", nested: [1, "two"] });
  expect(dev.find("pair-left", "probe:index:Thing").getObject()?.toJavaScript()).toEqual({ content: "open", labels: { a: secret("x") } });
  expect(prod.find("pair-left", "probe:index:Thing").getObject()?.toJavaScript()).toEqual({ content: secret("hush"), labels: [1, "two"] });
  expect(dev.find("pair-left", "probe:index:Thing").toObject()).toMatchObject({ provider, version: "1.2.3", parent: left.getUrn() });
  expect(prod.find("pair-left", "probe:index:Thing").getProvider()).toBe("");
  expect([dev.registered.length, prod.registered.length]).toEqual([3, 3]);
});

test("every option reaches the component", async () => {
  const [engine, monitor] = await Promise.all([startEngine(), startMonitor({ stack: "dev" })]);
  const { call } = await startProvider([engine.address]);
  const urn = (name: string): string => `urn:pulumi:dev::shop::probe:index:Thing::${name}`;
  const message = request("dev", monitor.address, { content: "x" });
  message
    .setParent(urn("parent"))
    .setDependenciesList([urn("before")])
    .setProtect(true)
    .setRetainondelete(true);
  message
    .setDeletebeforereplace(true)
    .setAdditionalsecretoutputsList(["both"])
    .setReplaceWithList([urn("with")]);
  message.setDeletedwith(urn("deleted-with")).setIgnorechangesList(["content"]).setReplaceonchangesList(["nested"]);
  message.setCustomtimeouts(new proto.ConstructRequest.CustomTimeouts().setCreate("5m"));
  await call("construct", message);
  const { aliasesList: _, ...registered } = monitor.find("pair", "probe:index:Pair").toObject();
  expect(registered).toMatchObject({
    parent: urn("parent"),
    dependenciesList: [urn("before"), urn("with")],
    protect: true,
    retainondelete: true,
    deletebeforereplace: true,
    deletebeforereplacedefined: true,
    additionalsecretoutputsList: ["both"],
    replaceWithList: [urn("with")],
    deletedwith: urn("deleted-with"),
    ignorechangesList: ["content"],
    replaceonchangesList: ["nested"],
    customtimeouts: { create: "5m" },
  });
});

test("a child that the engine refuses ends the construct, and no other call", async () => {
  const [engine, monitor] = await Promise.all([startEngine(), startMonitor({ stack: "dev", refuse: ["pair-left"] })]);
  const { call } = await startProvider([engine.address]);
  const { code, details } = await refused(call("construct", request("dev", monitor.address, { content: "x" })));
  expect({ code, details }).toEqual({
    code: status.INVALID_ARGUMENT,
    details: "Its part pair-left (probe:index:Thing) was not made; see the message there.",
  });
  const checked = await call("check", new proto.CheckRequest().setUrn("urn:pulumi:dev::shop::probe:index:Thing::a").setNews(struct({})));
  expect(checked.getFailuresList()).toEqual([]);
});

test("HybridImage makes an Image and a Disk of it", async () => {
  const digest = "sha256:0f";
  const files = { qcow2: { path: "out/web.qcow2", sizeBytes: 1, digest } };
  const outputs = {
    "bootable:index:Image": { ref: `local/web@${digest}`, digest },
    "bootable:index:Disk": { identity: "d1", digest, sizeBytes: 5, files },
  };
  const [engine, monitor] = await Promise.all([startEngine(), startMonitor({ stack: "dev", outputs })]);
  const { call } = await startProvider([engine.address]);
  const image = {
    context: "./os",
    buildArgs: { version: outputValue("1", false) },
    secrets: { token: outputValue("hush", true) },
    typo: 1,
  };
  const disk = { size: "10GiB", formats: ["qcow2"], directory: "out", typo: 2 };
  const message = request("dev", monitor.address, { image, disk }).setType("bootable:index:HybridImage").setName("web");
  const response = await call("construct", message);
  expect(response.getState()?.toJavaScript()).toEqual({
    ref: `local/web@${digest}`,
    digest,
    disk: { identity: "d1", digest, sizeBytes: 5, files },
  });
  const parent = "urn:pulumi:dev::shop::bootable:index:HybridImage::web";
  expect(response.getUrn()).toBe(parent);
  const [built, made] = [monitor.find("web", "bootable:index:Image"), monitor.find("web", "bootable:index:Disk")];
  expect([built, made].map((child) => [child.getParent(), child.getVersion()])).toEqual([
    [parent, "1.2.3"],
    [parent, "1.2.3"],
  ]);
  expect(built.getObject()?.toJavaScript()).toEqual({
    context: "./os",
    buildArgs: { version: "1" },
    secrets: { token: secret("hush") },
    typo: 1,
  });
  expect(made.getObject()?.toJavaScript()).toEqual({
    image: `local/web@${digest}`,
    disk: { size: "10GiB", typo: 2 },
    formats: ["qcow2"],
    directory: "out",
  });
});

test("HybridImage takes inputs that are secret or not known as a whole", async () => {
  const [engine, monitor] = await Promise.all([startEngine(), startMonitor({ stack: "dev" })]);
  const { call } = await startProvider([engine.address]);
  const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
  const inputs = { image: secret({ context: "./os", target: "base" }), disk: unknown };
  const message = request("dev", monitor.address, inputs).setType("bootable:index:HybridImage").setName("web").setDryrun(true);
  message
    .getInputdependenciesMap()
    .set("disk", new proto.ConstructRequest.PropertyDependencies().setUrnsList(["urn:pulumi:dev::shop::a:b:C::d"]));
  await call("construct", message);
  const built = monitor.find("web", "bootable:index:Image").getObject()?.toJavaScript();
  expect(built).toMatchObject({ context: secret("./os"), target: secret("base") });
  expect(monitor.find("web", "bootable:index:Disk").getObject()?.toJavaScript()).toMatchObject({ disk: unknown, formats: unknown });
});
