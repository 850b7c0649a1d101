// Package codegen stands in for a module that the peer needs for one struct in its schema's metadata.
package codegen

// CSharpPackageInfo holds the fields that the peer sets.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
