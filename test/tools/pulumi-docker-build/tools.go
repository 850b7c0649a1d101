//go:build tools

// Package tools pins the peer that the no-op preview is measured against.
package tools

import _ "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build"
