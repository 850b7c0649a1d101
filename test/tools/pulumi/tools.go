//go:build tools

// Package tools pins the Pulumi CLI, its YAML language host and the SDK generator that the tests run.
package tools

import (
	_ "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
)
