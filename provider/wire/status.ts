/**
 * Failures as gRPC statuses. The engine prints the message as it is; of the codes it distinguishes only those after
 * which a resource's state is doubtful (Internal, Unknown, DataLoss), so nothing but a bug may be one of them.
 */
import { Metadata, status } from "@grpc/grpc-js";
import anyProto from "google-protobuf/google/protobuf/any_pb.js";
import providerProto from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import { asFailure, describeFailure, Failure } from "../failure.ts";
import type { ValueMap } from "../spec/value.ts";
import { writeMessage } from "./message.ts";

/** What a gRPC callback takes as its error. */
export interface StatusAnswer {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** Thrown by a call whose resource exists but is not finished: the engine saves it, and fails the run. */
export class HalfDone extends Error {
  override readonly name = "HalfDone";
  readonly failure: Failure;
  readonly resource: HalfDoneResource;

  constructor(failure: Failure, resource: HalfDoneResource) {
    super(failure.message);
    this.failure = failure;
    this.resource = resource;
  }
}

export interface HalfDoneResource {
  readonly id: string;
  readonly state: ValueMap;
  readonly inputs: ValueMap;
  readonly refreshBeforeUpdate: boolean;
}

export function answerError(thrown: unknown): StatusAnswer {
  if (thrown instanceof HalfDone) return answerHalfDone(thrown);
  const failure = asFailure(thrown);
  return { code: statusCode(failure), details: messageText(failure) };
}

/** Lone surrogates cannot be sent in a header. */
function messageText(failure: Failure): string {
  return describeFailure(failure).replaceAll(/\p{Surrogate}/gu, "\uFFFD");
}

function statusCode(failure: Failure): status {
  if (failure.code === "cancelled") return status.CANCELLED;
  if (failure.code === "timeout") return status.DEADLINE_EXCEEDED;
  if (failure.kind === "bug") return status.INTERNAL;
  return failure.kind === "input" ? status.INVALID_ARGUMENT : status.FAILED_PRECONDITION;
}

const serializeInitFailed = writeMessage({ properties: 2, inputs: 4 });

/** Details travel in a header, in base64; the engine drops the whole connection, other calls too, above 16 MiB. */
const maximumDetailsBytes = 10 * 1024 * 1024;

function answerHalfDone({ failure, resource }: HalfDone): StatusAnswer {
  const { state, inputs } = resource;
  // The engine has the inputs; it is the state that it must not lose.
  for (const trees of [{ properties: state, inputs }, { properties: state }]) {
    const answer = withDetails(failure, resource, trees);
    if (answer !== undefined) return answer;
  }
  const note = "What was made so far is too large to be saved with a failure; the next run looks for it.";
  const { kind, message, fix } = failure;
  const detail = [failure.detail, note].filter((part) => part !== undefined).join("\n");
  const noted = new Failure({ kind, message, detail, ...(fix === undefined ? {} : { fix }) });
  return { code: statusCode(failure), details: messageText(noted) };
}

type Trees = Parameters<typeof serializeInitFailed>[0]["trees"];

/** Undefined when it is too large to be sent. */
function withDetails(failure: Failure, resource: HalfDoneResource, trees: Trees): StatusAnswer | undefined {
  const details = messageText(failure);
  const code = statusCode(failure);
  const message = new providerProto.ErrorResourceInitFailed();
  message.setId(resource.id);
  // The engine lists reasons as "* ..." behind a tab; this keeps the further lines under the first.
  message.setReasonsList([details.replaceAll("\n", "\n\t  ")]);
  message.setRefreshBeforeUpdate(resource.refreshBeforeUpdate);
  const packed = new anyProto.Any();
  packed.pack(serializeInitFailed({ message, trees }), "pulumirpc.ErrorResourceInitFailed");
  const rpcStatus = new statusProto.Status().setCode(code).setMessage(details).setDetailsList([packed]);
  const bytes = Buffer.from(rpcStatus.serializeBinary());
  if (bytes.length > maximumDetailsBytes) return undefined;
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", bytes);
  return { code, details, metadata };
}
