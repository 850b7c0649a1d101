/** Check, Diff, Create, Read, Update and Delete of custom resources, and Invoke of functions. */
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { CallContext, Change, CheckRequest, Ensured, EnsureRequest, ServedResource } from "../spec/served.ts";
import { formatPath } from "../spec/value.ts";
import type { ValueMap } from "../spec/value.ts";
import { checkFailure } from "./configuration.ts";
import { explainAbort } from "./running-calls.ts";
import type { Service } from "./service.ts";
import type { Call, ResourceCall, Session } from "./session.ts";
import { HalfDone } from "./status.ts";
import { parseUrn } from "./urn.ts";

type Methods = "check" | "diff" | "create" | "read" | "update" | "delete" | "invoke";

export function customResources(session: Session): Pick<Service, Methods> {
  const find = (urn: string): ServedResource => session.find(session.pkg.resources, parseUrn(urn).type, "resource");
  return { ...planning(session, find), ...doing(session, find), ...reading(session, find), ...functions(session) };
}

type Find = (urn: string) => ServedResource;

function planning(session: Session, find: Find): Pick<Service, "check" | "diff"> {
  return {
    check: async (request, call) => {
      const limits = about("Checking", request.message, call);
      const newInputs = request.tree("news") ?? {};
      const optional = { ...oldInputs(request.tree("olds")), ...autonaming(request.message.getAutonaming()) };
      const { inputs, failures } = await session.about(limits, (context) => find(limits.urn).check({ context, newInputs, ...optional }));
      const message = new proto.CheckResponse();
      message.setFailuresList(failures.map(checkFailure));
      return { message, trees: { inputs } };
    },

    diff: async (request) => {
      const changes = find(request.message.getUrn()).diff({
        id: request.message.getId(),
        oldInputs: request.tree("oldInputs") ?? {},
        oldState: request.tree("oldState") ?? {},
        newInputs: request.tree("newInputs") ?? {},
        ignoreChanges: request.message.getIgnorechangesList(),
      });
      return { message: describeChanges(changes), trees: {} };
    },
  };
}

/** The engine sends an empty tree where there are none. */
function oldInputs(tree: ValueMap | undefined): Pick<CheckRequest, "oldInputs"> {
  return tree === undefined || Object.keys(tree).length === 0 ? {} : { oldInputs: tree };
}

const autonamingModes = ["propose", "enforce", "disable"] as const;

function autonaming(options: InstanceType<typeof proto.CheckRequest.AutonamingOptions> | undefined): Pick<CheckRequest, "autonaming"> {
  const mode = options === undefined ? undefined : autonamingModes[options.getMode()];
  return options === undefined || mode === undefined ? {} : { autonaming: { proposedName: options.getProposedName(), mode } };
}

const changeKinds = {
  add: proto.PropertyDiff.Kind.ADD,
  delete: proto.PropertyDiff.Kind.DELETE,
  update: proto.PropertyDiff.Kind.UPDATE,
} as const;

function describeChanges(changes: readonly Change[]): InstanceType<typeof proto.DiffResponse> {
  const message = new proto.DiffResponse();
  const { DIFF_NONE, DIFF_SOME } = proto.DiffResponse.DiffChanges;
  message.setChanges(changes.length === 0 ? DIFF_NONE : DIFF_SOME);
  message.setDiffsList([...new Set(changes.map(({ path }) => String(path[0] ?? "")))]);
  message.setHasdetaileddiff(changes.length > 0);
  const detailed = message.getDetaileddiffMap();
  for (const { path, kind, inputDiff } of changes) {
    const difference = new proto.PropertyDiff();
    difference.setKind(changeKinds[kind]);
    difference.setInputdiff(inputDiff);
    detailed.set(formatPath(path), difference);
  }
  return message;
}

function doing(session: Session, find: Find): Pick<Service, "create" | "update" | "delete"> {
  const ensure = async (limits: ResourceCall, request: Omit<EnsureRequest, "context">): Promise<Ensured> =>
    session.about(limits, async (context) => {
      const ensured = await find(limits.urn).ensure({ context, ...request });
      return finished(ensured, request.inputs, context);
    });
  return {
    create: async ({ message, tree }, call) => {
      const limits = { ...about("Creating", message, call), timeoutOption: "create" };
      const ensured = await ensure(limits, { preview: message.getPreview(), inputs: tree("inputs") ?? {} });
      const response = new proto.CreateResponse();
      response.setId(ensured.id);
      response.setRefreshBeforeUpdate(ensured.refreshBeforeUpdate === true);
      return { message: response, trees: { state: ensured.state } };
    },

    update: async ({ message, tree }, call) => {
      const limits = { ...about("Updating", message, call), timeoutOption: "update" };
      const old = { id: message.getId(), inputs: tree("oldInputs") ?? {}, state: tree("oldState") ?? {} };
      const ensured = await ensure(limits, { preview: message.getPreview(), inputs: tree("newInputs") ?? {}, old });
      const response = new proto.UpdateResponse();
      response.setRefreshBeforeUpdate(ensured.refreshBeforeUpdate === true);
      return { message: response, trees: { state: ensured.state } };
    },

    delete: async ({ message, tree }, call) => {
      const limits = { ...about("Deleting", message, call), timeoutOption: "delete" };
      const known = { id: message.getId(), inputs: tree("inputs") ?? {}, state: tree("state") ?? {} };
      await session.about(limits, (context) => find(limits.urn).remove({ context, ...known }));
      return new emptyProto.Empty();
    },
  };
}

/** Half done work leaves as an error that carries the state. */
function finished(ensured: Ensured, inputs: ValueMap, { signal }: CallContext): Ensured {
  if (ensured.incomplete === undefined) return ensured;
  const { id, state, refreshBeforeUpdate = false } = ensured;
  throw new HalfDone(explainAbort(ensured.incomplete, signal), { id, state, inputs, refreshBeforeUpdate });
}

function reading(session: Session, find: Find): Pick<Service, "read"> {
  return {
    read: async ({ message, tree }, call) => {
      const limits = { ...about("Reading", message, call), timeoutOption: "read" };
      const id = message.getId();
      const inputs = tree("inputs");
      // Import sends neither, and the SDKs' static get() sends a state of its own making without inputs.
      const known = inputs === undefined ? {} : { inputs, state: tree("state") ?? {} };
      const answer = await session.about(limits, (context) => find(limits.urn).read({ context, id, ...known }));
      const response = new proto.ReadResponse();
      if (answer.kind === "gone") return { message: response, trees: {} };
      response.setId(answer.id);
      response.setRefreshBeforeUpdate(answer.refreshBeforeUpdate === true);
      return { message: response, trees: { state: answer.state, inputs: answer.inputs } };
    },
  };
}

function functions(session: Session): Pick<Service, "invoke"> {
  return {
    invoke: async ({ message, tree }, call) => {
      const token = message.getTok();
      const served = session.find(session.pkg.functions, token, "function");
      const { outputs, failures } = await session.calls.run({ what: `Calling ${token}`, timeoutSeconds: 0 }, (signal, abort) => {
        call.on("cancelled", abort);
        return served.invoke(tree("args") ?? {}, { signal, config: session.config });
      });
      const response = new proto.InvokeResponse();
      response.setFailuresList(failures.map(checkFailure));
      return { message: response, trees: { return: outputs } };
    },
  };
}

function about(doing: string, message: { getUrn(): string; getTimeout?(): number }, call: Call): ResourceCall {
  const urn = message.getUrn();
  return { urn, call, what: `${doing} ${JSON.stringify(parseUrn(urn).name)}`, timeoutSeconds: message.getTimeout?.() ?? 0 };
}
