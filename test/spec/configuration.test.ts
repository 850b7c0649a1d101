import { expect, test } from "vitest";
import { configurationInForce, configure } from "../../provider/spec/configuration.ts";
import { formatPath, Secret, unknown, type ValueMap } from "../../provider/spec/value.ts";

const defaults = { cacheSizeBytes: 20 * 1024 ** 3, progress: "auto", tools: {} };

test.each<[ValueMap, object]>([
  [{}, defaults],
  [
    { cacheSize: "1GiB", progress: "lines" },
    { ...defaults, cacheSizeBytes: 1024 ** 3, progress: "lines" },
  ],
  [{ tools: '{"qemuImg":"/opt/qemu-img"}' }, { ...defaults, tools: { qemuImg: "/opt/qemu-img" } }],
  [{ tools: { qemuImg: "/opt/qemu-img" } }, { ...defaults, tools: { qemuImg: "/opt/qemu-img" } }],
  [{ tools: new Secret('{"qemuImg":"/opt/qemu-img"}') }, { ...defaults, tools: { qemuImg: "/opt/qemu-img" } }],
  [{ cacheSize: unknown, tools: { qemuImg: unknown }, progress: null }, defaults],
  [{ version: "1.2.3", pluginDownloadURL: "x", __internal: {} }, defaults],
])("reads %o", (raw, config) => {
  expect(configure(raw)).toEqual({ config, failures: [] });
});

test("what is in force is what was configured last", () => {
  const configuration = configurationInForce();
  expect(configuration.now()).toEqual(defaults);
  expect(configuration.configure({ cacheSize: "1GiB" })).toEqual(configure({ cacheSize: "1GiB" }));
  expect(configuration.now().cacheSizeBytes).toBe(1024 ** 3);
});

test.each<[ValueMap, string]>([
  [{ cacheSize: "20" }, 'cacheSize: "20" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB'],
  [{ progress: "loud" }, 'progress: "loud" is not one of the accepted values; use auto, lines or none'],
  [{ tools: "/usr/bin" }, "tools: is no JSON text; set single keys with pulumi config set --path"],
  [{ tools: "[1]" }, "tools: this is a list; write a map of strings"],
  [{ tools: '{"qemuImg":1}' }, "tools.qemuImg: 1 is a number; write a string"],
  [{ cachesize: "1GiB" }, "cachesize: is not a property of the provider configuration; did you mean cacheSize?"],
])("says what is wrong with %o, and goes on with defaults", (raw, expected) => {
  const { config, failures } = configure(raw);
  expect(failures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`)).toEqual([expected]);
  expect(config).toEqual(defaults);
});
