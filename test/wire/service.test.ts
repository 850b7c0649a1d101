/** The provider process over gRPC: every method, as the engine calls it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import type anyProto from "google-protobuf/google/protobuf/any_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import { expect, test } from "vitest";
import { refused, startEngine, startProvider, struct } from "./provider-process.ts";
import type { ProviderProcess } from "./provider-process.ts";

const urn = "urn:pulumi:dev::shop::probe:index:Pair$probe:index:Thing::web";
const secret = (value: unknown): object => ({ "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value });
const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const empty = new emptyProto.Empty();

function create(provider: ProviderProcess, inputs: object, preview = false): Promise<InstanceType<typeof proto.CreateResponse>> {
  const request = new proto.CreateRequest().setUrn(urn).setProperties(struct(inputs)).setPreview(preview);
  return provider.call("create", request);
}

test("starts quickly and says what it accepts", async () => {
  const { call, startedMilliseconds } = await startProvider();
  console.log(`port line after ${Math.round(startedMilliseconds)} ms`);
  const handshake = await call("handshake", new proto.ProviderHandshakeRequest());
  const configure = await call("configure", new proto.ConfigureRequest());
  expect(handshake.toObject()).toMatchObject({
    acceptSecrets: true,
    acceptResources: true,
    acceptOutputs: true,
    supportsAutonamingConfiguration: true,
  });
  expect(configure.toObject()).toEqual({
    acceptsecrets: true,
    acceptresources: true,
    acceptoutputs: true,
    supportspreview: true,
    supportsAutonamingConfiguration: true,
  });
  expect((await call("getPluginInfo", empty)).getVersion()).toBe("1.2.3");
  expect(JSON.parse((await call("getSchema", new proto.GetSchemaRequest())).getSchema())).toMatchObject({ name: "probe" });
});

test("what it does not do is unimplemented", async () => {
  const { call, client } = await startProvider();
  const codes = await Promise.all([
    refused(call("call", new proto.CallRequest())),
    refused(call("getMapping", new proto.GetMappingRequest())),
    refused(call("getMappings", new proto.GetMappingsRequest())),
    refused(call("parameterize", new proto.ParameterizeRequest())),
  ]);
  expect(codes.map(({ code }) => code)).toEqual([status.UNIMPLEMENTED, status.UNIMPLEMENTED, status.UNIMPLEMENTED, status.UNIMPLEMENTED]);
  const listed = await new Promise<number | undefined>((resolve) => {
    client.list(new proto.ListRequest()).on("error", (error: { code?: number }) => resolve(error.code));
  });
  expect(listed).toBe(status.UNIMPLEMENTED);
  const version = await refused(call("getSchema", new proto.GetSchemaRequest().setVersion(7)));
  expect(version.details).toBe(
    "Schema version 7 was asked for, and this provider has version 0 only.\nfix: use a Pulumi CLI and a provider of about the same age.",
  );
});

test("configuration: failures by key, no replacement ever, silence about versions", async () => {
  const { call } = await startProvider();
  const inputs = { color: "mauve", version: "1.0.0" };
  const checked = await call("checkConfig", new proto.CheckRequest().setNews(struct(inputs)));
  expect(checked.getInputs()?.toJavaScript()).toEqual(inputs);
  expect(checked.toObject().failuresList).toEqual([{ property: "color", reason: '"mauve" is no color; use red' }]);
  const configured = await refused(call("configure", new proto.ConfigureRequest().setArgs(struct(inputs))));
  expect(configured).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'probe:color "mauve" is no color; use red\nfix: correct it with "pulumi config set", or where the program makes the provider.',
  });
  const diff = (before: object, after: object): Promise<InstanceType<typeof proto.DiffResponse>> =>
    call("diffConfig", new proto.DiffRequest().setOldInputs(struct(before)).setNews(struct(after)));
  const changed = await diff({ color: "red", version: "1.0.0" }, { color: "blue", version: "2.0.0" });
  expect(changed.toObject()).toMatchObject({ changes: proto.DiffResponse.DiffChanges.DIFF_SOME, diffsList: ["color"], replacesList: [] });
  const upgraded = await diff({ color: "red", version: "1.0.0" }, { color: "red", version: "2.0.0", __internal: {} });
  expect(upgraded.toObject()).toMatchObject({ changes: proto.DiffResponse.DiffChanges.DIFF_NONE, diffsList: [] });
});

test("check: old inputs, autonaming, failures with a path, secrets and unknowns unharmed", async () => {
  const { call } = await startProvider();
  const check = (news: object, olds: object = {}): Promise<InstanceType<typeof proto.CheckResponse>> => {
    const names = new proto.CheckRequest.AutonamingOptions()
      .setProposedName("web-1")
      .setMode(proto.CheckRequest.AutonamingOptions.Mode.ENFORCE);
    const request = new proto.CheckRequest().setUrn(urn).setNews(struct(news)).setOlds(struct(olds)).setAutonaming(names);
    return call("check", request);
  };
  const inputs = { mode: "echo-check", tags: [secret("x"), secret({ deep: secret([unknownText]) })], content: unknownText };
  expect((await check(inputs)).getInputs()?.toJavaScript()).toEqual({ ...inputs, had: null, autoname: "web-1" });
  expect((await check(inputs, { a: 1 })).getInputs()?.toJavaScript()).toMatchObject({ had: { a: 1 } });
  expect((await check({ content: "bad" })).toObject().failuresList).toEqual([
    { property: "", reason: 'labels["a b"]: "bad" is no content; use any other word' },
  ]);
});

test("diff: kinds per property, none, ignored ones", async () => {
  const { call } = await startProvider();
  const diff = async (olds: object, news: object, ignored: string[] = []): Promise<object> => {
    const request = new proto.DiffRequest().setId("web").setUrn(urn).setOldInputs(struct(olds)).setNews(struct(news));
    const response = await call("diff", request.setOlds(struct({ ...olds, actual: "a" })).setIgnorechangesList(ignored));
    const { changes, replacesList, detaileddiffMap, diffsList } = response.toObject();
    return { changes, replacesList, diffsList, detail: Object.fromEntries(detaileddiffMap) };
  };
  const before = { content: "a", labels: { x: 1 }, gone: true };
  const after = { content: "b", labels: { x: 1 }, come: true };
  const { ADD, DELETE, UPDATE } = proto.PropertyDiff.Kind;
  const detail = {
    content: { kind: UPDATE, inputdiff: true },
    gone: { kind: DELETE, inputdiff: true },
    come: { kind: ADD, inputdiff: true },
  };
  const { DIFF_NONE, DIFF_SOME } = proto.DiffResponse.DiffChanges;
  expect(await diff(before, after)).toEqual({ changes: DIFF_SOME, replacesList: [], diffsList: ["content", "gone", "come"], detail });
  expect(await diff(before, before)).toEqual({ changes: DIFF_NONE, replacesList: [], diffsList: [], detail: {} });
  expect(await diff(before, after, ["content", "gone", "come"])).toMatchObject({ changes: DIFF_NONE });
});

test("create, update, read, delete", async () => {
  const provider = await startProvider();
  const { call, world } = provider;
  const tags = [secret("x"), { y: secret(null) }];
  const previewed = await create(provider, { content: "a", tags }, true);
  expect(previewed.getProperties()?.toJavaScript()).toEqual({ content: "a", tags, actual: "a", serial: unknownText });
  const created = await create(provider, { content: "a", tags, watch: true });
  const state = { content: "a", tags, watch: true, actual: "a", serial: 1, organization: "organization", stack: "dev" };
  expect(created.getProperties()?.toJavaScript()).toEqual(state);
  expect(created.toObject()).toMatchObject({ id: "web", refreshBeforeUpdate: true });
  const update = new proto.UpdateRequest()
    .setId("web")
    .setUrn(urn)
    .setOlds(struct(state))
    .setOldInputs(struct({ content: "a" }));
  const updated = await call("update", update.setNews(struct({ content: "b" })));
  expect(updated.getProperties()?.toJavaScript()).toMatchObject({ content: "b", actual: "b", serial: 2 });
  writeFileSync(join(world, "web"), "drifted");
  const read = new proto.ReadRequest().setId("web").setUrn(urn);
  const imported = await call("read", read);
  expect(imported.getInputs()?.toJavaScript()).toEqual({ content: "drifted" });
  const refreshed = await call("read", read.setInputs(struct({ content: "b" })).setProperties(struct(state)));
  expect(refreshed.getProperties()?.toJavaScript()).toEqual({ ...state, actual: "drifted" });
  rmSync(join(world, "web"));
  expect((await call("read", read)).getId()).toBe("");
  writeFileSync(join(world, "web"), "b");
  await call("delete", new proto.DeleteRequest().setId("web").setUrn(urn).setProperties(struct(state)));
  expect(() => readFileSync(join(world, "web"))).toThrow();
});

test("half done work carries id, state, inputs and reason", async () => {
  const provider = await startProvider();
  const { code, details, error } = await refused(create(provider, { content: "a", mode: "half", watch: true, tags: [secret("x")] }));
  const packed = statusProto.Status.deserializeBinary(error.metadata.get("grpc-status-details-bin")[0] as Uint8Array);
  const detail = packed.getDetailsList()[0] as anyProto.Any;
  const failed = proto.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  const message = 'Thing "web" is half done: 1 of 2 parts.\npart 2:\n  no space\nfix: run pulumi up again to go on.';
  expect({ code, details, type: detail.getTypeName() }).toEqual({
    code: status.FAILED_PRECONDITION,
    details: message,
    type: "pulumirpc.ErrorResourceInitFailed",
  });
  expect(failed.getId()).toBe("web");
  expect(failed.getReasonsList()).toEqual([message.replaceAll("\n", "\n\t  ")]);
  expect(failed.getRefreshBeforeUpdate()).toBe(true);
  expect(failed.getProperties()?.toJavaScript()).toMatchObject({ actual: "half", tags: [secret("x")] });
  expect(failed.getInputs()?.toJavaScript()).toEqual({ content: "a", mode: "half", watch: true, tags: [secret("x")] });
});

test.each([
  ["fail-input", status.INVALID_ARGUMENT],
  ["fail-environment", status.FAILED_PRECONDITION],
  ["fail-tool", status.FAILED_PRECONDITION],
  ["fail-remote", status.FAILED_PRECONDITION],
])("%s keeps its whole message", async (mode, code) => {
  const provider = await startProvider();
  expect(await refused(create(provider, { mode }))).toMatchObject({
    code,
    details: "Thing \"web\" could not be made.\nlast output:\n  cp: cannot stat 'ü'\n  100% done\nfix: free 2 GiB and run pulumi up again.",
  });
});

test("a bug is an internal error with its stack", async () => {
  const provider = await startProvider();
  const { code, details } = await refused(create(provider, { mode: "bug" }));
  expect(code).toBe(status.INTERNAL);
  expect(details.split("\n").slice(0, 2)).toEqual([
    "Something went wrong inside the bootable provider: undefined is no function",
    "TypeError: undefined is no function",
  ]);
});

test("types and functions that are not ours are named", async () => {
  const { call } = await startProvider();
  const check = new proto.CheckRequest().setUrn("urn:pulumi:dev::shop::probe:index:Later::x").setNews(struct({}));
  expect(await refused(call("check", check))).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details:
      "probe:index:Later is not a resource of probe 1.2.3, which has probe:index:Thing.\n" +
      "fix: correct the type, or use the version of probe that the program or the state was made with.",
  });
  expect((await refused(call("invoke", new proto.InvokeRequest().setTok("probe:index:later")))).details).toBe(
    "probe:index:later is not a function of probe 1.2.3, which has probe:index:echo.\n" +
      "fix: correct the type, or use the version of probe that the program or the state was made with.",
  );
});

test("functions answer values or failures", async () => {
  const { call } = await startProvider();
  const invoke = (args: object): Promise<InstanceType<typeof proto.InvokeResponse>> =>
    call("invoke", new proto.InvokeRequest().setTok("probe:index:echo").setArgs(struct(args)));
  expect((await invoke({ text: secret("a") })).getReturn()?.toJavaScript()).toEqual({ text: secret("a") });
  expect((await invoke({ text: "bad" })).toObject().failuresList).toEqual([{ property: "text", reason: '"bad" is no text' }]);
});

test.each(["argument", "handshake", "attach"] as const)("messages go to the engine named by %s", async (by) => {
  const engine = await startEngine();
  const provider = await startProvider(by === "argument" ? ["--logtostderr", "--tracing", "x", "-v=3", engine.address] : []);
  const { call } = provider;
  if (by === "handshake") await call("handshake", new proto.ProviderHandshakeRequest().setEngineAddress(engine.address));
  if (by === "attach") await call("attach", new pluginProto.PluginAttach().setAddress(engine.address));
  await create(provider, { mode: "talk" });
  expect(engine.lines).toEqual(["info web: first\n  second line", "warning web: careful", "*info copying 0%", "*info "]);
});
