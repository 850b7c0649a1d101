/** Joins a resource's spec and its handlers into what the wire serves. */
import { isDeepStrictEqual } from "node:util";
import { describeFailure, type Failure } from "../failure.ts";
import { checkFields, readFields } from "./check.ts";
import { addDerived } from "./derived.ts";
import { diffInputs, isIgnored, refusedChanges } from "./diff.ts";
import type { Handlers, Previous } from "./handlers.ts";
import { isRequired, type ArgsOf, type GivenOf, type Inputs, type Outputs, type StateOf } from "./property.ts";
import type {
  CallContext,
  Change,
  CheckRequest,
  DiffRequest,
  Ensured,
  EnsureRequest,
  ReadAnswer,
  ReadRequest,
  RemoveRequest,
  ServedResource,
} from "./served.ts";
import { encodeFields, encodeState, readState, requireKnown, toValue, type Owner } from "./state.ts";
import { bareMap, coverMapLike, entryOf, holdsUnknown, isAbsent, mapEntries, secretTexts } from "./tree.ts";
import { Secret, type ValueMap } from "./value.ts";

export interface ResourceSpec<I extends Inputs = Inputs, O extends Outputs = Outputs> {
  readonly token: string;
  /** What it is, when it is rebuilt, what delete removes. */
  readonly description: string;
  readonly inputs: I;
  readonly outputs: O;
  /** Raised when an older provider could misread the state; that one then refuses it. */
  readonly stateVersion: number;
  /** The engine reads the resource before every run, unless a handler's answer says otherwise. */
  readonly refreshBeforeUpdate: boolean;
}

type SpecParts<I extends Inputs, O extends Outputs> = Omit<ResourceSpec<I, O>, "stateVersion" | "refreshBeforeUpdate"> &
  Partial<Pick<ResourceSpec<I, O>, "stateVersion" | "refreshBeforeUpdate">>;

export function resourceSpec<const I extends Inputs, const O extends Outputs>(parts: SpecParts<I, O>): ResourceSpec<I, O> {
  return { stateVersion: 1, refreshBeforeUpdate: false, ...parts };
}

/** `Image` of `bootable:index:Image`. */
export function typeName(token: string): string {
  return token.slice(token.lastIndexOf(":") + 1);
}

/** The handlers of a spec. */
export type HandlersOf<I extends Inputs, O extends Outputs> = Handlers<ArgsOf<I>, StateOf<O>, GivenOf<I>>;

/** A spec and its handlers with the types taken off that the spec gave them: here all values are plain trees. */
interface Bound {
  readonly spec: ResourceSpec;
  readonly handlers: Handlers<ValueMap, ValueMap>;
}

export function serve<I extends Inputs, O extends Outputs>(spec: ResourceSpec<I, O>, handlers: HandlersOf<I, O>): ServedResource {
  const bound = { spec, handlers: handlers as unknown as Bound["handlers"] };
  return {
    token: spec.token,
    check: (request) => check(bound, request),
    diff: (request) => diff(bound, request),
    ensure: (request) => ensure(bound, request),
    read: (request) => read(bound, request),
    remove: (request) => remove(bound, request),
  };
}

function ownerOf(spec: ResourceSpec, name: string): Owner {
  return { name: `${typeName(spec.token)} "${name}"`, outputs: spec.outputs, stateVersion: spec.stateVersion };
}

async function check({ spec, handlers }: Bound, request: CheckRequest): ReturnType<ServedResource["check"]> {
  const { context, newInputs, autonaming } = request;
  // An import that recovered nothing stores no inputs at all: then there is nothing to compare with.
  const oldInputs = Object.keys(request.oldInputs ?? {}).length === 0 ? undefined : request.oldInputs;
  if (request.oldInputs !== undefined && isImportEcho(spec.inputs, request.oldInputs, newInputs))
    return { inputs: newInputs, failures: [] };
  const { values, problems } = checkFields(typeName(spec.token), spec.inputs, newInputs);
  const old = oldInputs === undefined ? undefined : readFields(spec.inputs, oldInputs);
  const refused = oldInputs === undefined ? [] : refusedChanges(spec.inputs, oldInputs, values);
  const answer = await handlers.check?.({
    args: bareMap(values),
    context,
    ...(old === undefined ? {} : { old }),
    ...(autonaming === undefined ? {} : { autonaming }),
  });
  const failures = [...problems, ...refused, ...(answer?.failures ?? [])];
  if (failures.length > 0) return { inputs: newInputs, failures };
  return { inputs: addDerived(spec, values, answer?.derived ?? {}), failures: [] };
}

/**
 * After an import the engine has what was read checked against itself. What no provider can read back, and the user has
 * still to write, would be reported as a bug of this one.
 */
function isImportEcho(inputs: Inputs, old: ValueMap, now: ValueMap): boolean {
  const lacks = Object.entries(inputs).some(([name, input]) => isRequired(input) && isAbsent(entryOf(old, name)));
  return lacks && isDeepStrictEqual(old, now);
}

function diff({ spec, handlers }: Bound, request: DiffRequest): readonly Change[] {
  const { id, oldInputs, oldState, newInputs, ignoreChanges } = request;
  const state = readState(ownerOf(spec, id), oldState);
  const derived = diffInputs(spec.inputs, oldInputs, newInputs);
  const sides = { old: readFields(spec.inputs, oldInputs), args: readFields(spec.inputs, newInputs) };
  const changes = handlers.diff?.({ ...sides, state, derived }) ?? derived;
  return changes.filter((change) => !isIgnored(change, ignoreChanges));
}

async function ensure({ spec, handlers }: Bound, request: EnsureRequest): Promise<Ensured> {
  const { context, inputs, preview } = request;
  const owner = ownerOf(spec, context.name);
  const args = readFields(spec.inputs, inputs);
  const call = { args, context, ...(request.old === undefined ? {} : { old: readPrevious(spec, owner, request.old) }) };
  const id = request.old?.id ?? newId(handlers, context, args);
  if (preview) {
    const state = encodeState(owner, await handlers.preview(call), inputs);
    return { id, state, refreshBeforeUpdate: spec.refreshBeforeUpdate };
  }
  requireKnown(`${owner.name} was given inputs`, args);
  const { state: answered, ...rest } = await handlers.ensure({ ...call, secretTexts: secretTexts(inputs) });
  const state = encodeState(owner, answered, inputs);
  requireKnown(`${owner.name} answered outputs`, state);
  return { id, state, refreshBeforeUpdate: spec.refreshBeforeUpdate, ...rest };
}

function readPrevious(spec: ResourceSpec, owner: Owner, old: NonNullable<EnsureRequest["old"]>): Previous<ValueMap, ValueMap> {
  return { id: old.id, args: readFields(spec.inputs, old.inputs), state: readState(owner, old.state) };
}

/** In a preview that cannot know it yet the id is empty, which the engine takes for unknown. */
function newId(handlers: Bound["handlers"], context: CallContext, args: ValueMap): string {
  if (handlers.id === undefined) return context.name;
  return holdsUnknown(args) ? "" : handlers.id(context, args);
}

async function read({ spec, handlers }: Bound, request: ReadRequest): Promise<ReadAnswer> {
  const { context, id, inputs, state } = request;
  const owner = ownerOf(spec, context.name);
  const answer = await handlers.read({
    id,
    context,
    ...(inputs === undefined ? {} : { args: readFields(spec.inputs, inputs) }),
    ...(state === undefined ? {} : { state: readState(owner, state) }),
  });
  const refreshBeforeUpdate = spec.refreshBeforeUpdate;
  if (answer.kind === "gone") return answer;
  if (answer.kind === "unsure") {
    if (state === undefined) throw answer.reason;
    context.report.warn(oneLine(answer.reason));
    return { kind: "present", id, inputs: inputs ?? {}, state, refreshBeforeUpdate };
  }
  const readInputs = coverNamed(encodeInputs(spec, answer.args, inputs), answer.secret ?? []);
  const { kind, refreshBeforeUpdate: refresh = refreshBeforeUpdate } = answer;
  return { kind, id, inputs: readInputs, state: encodeState(owner, answer.state, readInputs), refreshBeforeUpdate: refresh };
}

/** Stored inputs stay as they are, to the letter, while they mean the same; only then does a refresh show no change. */
function encodeInputs(spec: ResourceSpec, args: object, stored: ValueMap | undefined): ValueMap {
  const given = toValue(args) as ValueMap;
  if (stored !== undefined && isDeepStrictEqual(readFields(spec.inputs, stored), given)) return stored;
  const fields = Object.fromEntries(Object.entries(spec.inputs).filter(([name]) => Object.hasOwn(given, name)));
  const encoded = encodeFields({ name: `${typeName(spec.token)} read inputs`, fields }, given);
  return coverMapLike(encoded, stored);
}

function coverNamed(inputs: ValueMap, names: readonly string[]): ValueMap {
  return mapEntries(inputs, (value, name) => (names.includes(name) && !(value instanceof Secret) ? new Secret(value) : value));
}

function oneLine(failure: Failure): string {
  return describeFailure(failure).replaceAll("\n", " ");
}

async function remove({ spec, handlers }: Bound, request: RemoveRequest): Promise<void> {
  const { context, id, inputs } = request;
  const state = readState(ownerOf(spec, context.name), request.state);
  await handlers.remove({ id, args: readFields(spec.inputs, inputs), state, context });
}
