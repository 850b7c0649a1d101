import { defineConfig } from "vitest/config";

const pure = ["model", "spec", "rollout", "resources", "lifecycle", "repo", "context"];
const real = ["storage", "tools", "registry", "disks", "hosts", "wire", "contract", "e2e"];

function files(rooms: readonly string[]): string[] {
  return rooms.map((room) => `test/${room}/**/*.test.ts`);
}

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    projects: [
      { test: { name: "pure", include: files(pure), testTimeout: 20_000, expect: { requireAssertions: true } } },
      {
        test: {
          name: "real",
          include: files(real),
          testTimeout: 900_000,
          hookTimeout: 900_000,
          expect: { requireAssertions: true },
          fileParallelism: false,
        },
      },
    ],
  },
});
