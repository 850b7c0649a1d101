/** Errors that come out of a component, or of the SDK under it. */
import { asFailure, Failure } from "../failure.ts";

export function isOfComponent(thrown: unknown): thrown is Error {
  return thrown instanceof Error && (thrown.stack ?? "").includes("/@pulumi/pulumi/");
}

/** The SDK has no other mark for it; the prefixes that it adds say which property of which parent was waiting. */
const refusedChild = /failed to register new resource (.+) \[(.+?)\]: /u;

/** A part that the engine refused has been explained beside that part; anything else is a bug of the component. */
export function componentFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const [, name, type] = refusedChild.exec(thrown instanceof Error ? thrown.message : "") ?? [];
  if (name === undefined || type === undefined) return asFailure(thrown);
  return new Failure({ kind: "input", message: `Its part ${name} (${type}) was not made; see the message there.`, cause: thrown });
}
